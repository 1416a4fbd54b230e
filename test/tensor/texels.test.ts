/** Buffers that kernels read as textures: every element, and what changed since. */
import { describe, expect, it } from "vitest";
import { add, type Tensor } from "wgrad";
import type { BufferView } from "../../src/gpu/buffers.ts";
import { kernel, wgsl } from "../../src/gpu/kernel.ts";
import { TexelPlan, type TexelTexture } from "../../src/gpu/texels.ts";
import { gpu } from "../support/gpu.ts";

/** y = a + 2 b, the factors read backwards. */
const combine = kernel("combine_texels", {
  read: { a: "texels", b: "texels" },
  write: { y: "quad" },
  params: { n: "u32" },
  body: wgsl`
    if (i >= params.n) { return; }
    let at = i32(params.n - 1u - i);
    y[i] = a_at(at) + 2.0 * b_at(at);`,
});

function combined(a: BufferView, b: BufferView, quads: number): Tensor {
  const y = gpu.zeros([4 * quads]);
  combine(gpu.device, { a, b, y, n: quads });
  return y;
}

const ramp = (quads: number, from: number) => Float32Array.from({ length: 4 * quads }, (_, k) => from + k);

const expected = (a: Float32Array, b: Float32Array) =>
  a.map((_, k) => {
    const at = a.length - 4 - (k & ~3) + (k & 3);
    return (a[at] ?? Number.NaN) + 2 * (b[at] ?? Number.NaN);
  });

describe("texels", () => {
  // A row has 8,192 of them.
  it.each([1, 5, 8191, 8192, 8193, 20_000])("%d of them", async (quads) => {
    const [a, b] = [ramp(quads, 1), ramp(quads, -7)];
    const y = combined(gpu.tensor(a), gpu.tensor(b), quads);
    expect(await y.data()).toEqual(expected(a, b));
  });

  it("of a buffer's middle, and of the same one twice", async () => {
    const whole = ramp(1000, 0);
    const { buffer, byteOffset } = gpu.tensor(whole);
    const view = { buffer, byteOffset: byteOffset + 512, byteLength: 4096 };
    const part = whole.slice(128, 128 + 1024);
    expect(await combined(view, view, 256).data()).toEqual(expected(part, part));
  });

  it("are what a replay's launches before wrote", async () => {
    const replay = gpu.record((x: Tensor) => {
      const one = add(x, 1);
      const first = combined(one, x, 16);
      const second = combined(one, first, 16);
      return add(second, combined(first, x, 16));
    });
    for (const from of [0, 10]) {
      const x = ramp(16, from);
      const one = x.map((v) => v + 1);
      const first = expected(one, x);
      const last = expected(first, x);
      const sums = expected(one, first).map((v, k) => v + (last[k] ?? Number.NaN));
      expect(await replay(gpu.tensor(x)).data()).toEqual(sums);
    }
  });
});

describe("the plan of copies", () => {
  const textures = ["first", "second"] as unknown as TexelTexture[];
  const { buffer } = gpu.zeros([1024]);
  const range = (byteOffset: number): BufferView => ({ buffer, byteOffset, byteLength: 256 });

  function follow(use: (read: (...offsets: number[]) => unknown[], wrote: (offset: number) => void) => void) {
    const plan = new TexelPlan(textures);
    const copied: number[] = [];
    use(
      (...offsets) => plan.place(offsets.map(range), ({ byteOffset }) => copied.push(byteOffset)),
      (offset) => plan.wrote(range(offset)),
    );
    return copied;
  }

  it("copies once what two launches read", () => {
    expect(
      follow((read) => {
        expect(read(0, 256)).toEqual(["first", "second"]);
        expect(read(512, 0)).toEqual(["second", "first"]);
      }),
    ).toEqual([0, 256, 512]);
  });

  it("copies again what was written in between, and nothing else", () => {
    expect(
      follow((read, wrote) => {
        read(0, 512);
        wrote(256);
        wrote(640);
        read(0, 512);
      }),
    ).toEqual([0, 512, 512]);
  });

  it("refuses a kernel that reads more", () => {
    expect(() => follow((read) => read(0, 256, 512))).toThrow(/more than 2 buffers as texels/);
  });
});
