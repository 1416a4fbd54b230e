/** Buffers that kernels read as textures: every element, and what changed since. */
import { describe, expect, it, vi } from "vitest";
import { add, type Tensor } from "wgrad";
import type { BufferView } from "../../src/gpu/buffers.ts";
import { kernel, wgsl } from "../../src/gpu/kernel.ts";
import type { Access } from "../../src/gpu/pipelines.ts";
import { TexelTextures } from "../../src/gpu/texel-textures.ts";
import { copyQuads } from "../support/copy-quads.ts";
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
  // A row has 1,024 of them.
  it.each([1, 5, 1023, 1024, 1025, 20_000])("%d of them", async (quads) => {
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

describe("textures", () => {
  const { buffer } = gpu.zeros([2 ** 16]);
  /** A launch that reads so many rows of 16 KB. */
  const read = (rows: number) => ({
    kernel: { label: "some", source: "", uniform: false, access: ["texels"] as const },
    views: [{ buffer, byteOffset: 0, byteLength: rows * 2 ** 14 }],
  });

  /** Textures, and how often those were freed that a launch of so many rows has. */
  function make() {
    const flush = vi.fn();
    const texels = new TexelTextures(gpu.device.raw, flush);
    const freed = (rows: number) => {
      let texture: GPUTexture | undefined;
      texels.begin([read(rows)]);
      texels.place(read(rows), (_, target) => {
        ({ texture } = target);
      });
      if (!texture) throw new Error("nothing was copied");
      return vi.spyOn(texture, "destroy");
    };
    return { texels, flush, freed };
  }

  it("are freed where larger ones take their place, after what refers to them was submitted", () => {
    const { texels, flush, freed } = make();
    const small = freed(1);
    expect(texels.bytes).toBe(2 * 2 ** 14);
    freed(1);
    expect(small).not.toHaveBeenCalled();
    freed(4);
    expect(small).toHaveBeenCalledOnce();
    expect(flush.mock.invocationCallOrder[0]).toBeLessThan(small.mock.invocationCallOrder[0] ?? 0);
    expect(texels.bytes).toBe(8 * 2 ** 14);
  });

  it("stay, and are counted, as long as a recording binds them", () => {
    const { texels, freed } = make();
    const small = freed(1);
    const ends = [texels.hold([read(1)]), texels.hold([read(1)])];
    const large = freed(4);
    ends[0]?.();
    expect(small).not.toHaveBeenCalled();
    expect(texels.bytes).toBe(10 * 2 ** 14);
    ends[1]?.();
    expect(small).toHaveBeenCalledOnce();
    expect(large).not.toHaveBeenCalled();
    expect(texels.bytes).toBe(8 * 2 ** 14);
  });

  it("of what a recording reads again are its own, as long as it lives, and counted", () => {
    const { texels, flush } = make();
    const [again, other] = [read(1), read(2)];
    texels.begin([again, other, again]);
    expect(texels.bytes).toBe(5 * 2 ** 14);
    let own: GPUTexture | undefined;
    texels.place(again, (_, target) => {
      own = target.texture;
    });
    if (!own) throw new Error("nothing was copied");
    const destroyed = vi.spyOn(own, "destroy");
    const end = texels.hold([again, other, again]);
    texels.begin([other]);
    texels.forget();
    expect(texels.bytes).toBe(5 * 2 ** 14);
    expect(destroyed).not.toHaveBeenCalled();
    end();
    expect(destroyed).toHaveBeenCalledOnce();
    expect(flush).toHaveBeenCalled();
    expect(texels.bytes).toBe(0);
  });

  it("of what recordings read again are shared by them", () => {
    const { texels } = make();
    const launches = [read(1), read(2), read(1)];
    const ends = [0, 1].map(() => {
      texels.begin(launches);
      return texels.hold(launches);
    });
    expect(texels.bytes).toBe(5 * 2 ** 14);
    ends[0]?.();
    expect(texels.bytes).toBe(5 * 2 ** 14);
    ends[1]?.();
    expect(texels.bytes).toBe(4 * 2 ** 14);
  });

  it("are reserved for 64 MB of what is read again", () => {
    const { texels } = make();
    const [some, more] = [read(2 ** 11), read(2 ** 11 + 1)]; // 32 MB, and a row more
    texels.begin([more, read(1), some, read(2), more, read(1), some]);
    expect(texels.bytes).toBe((3 * (2 ** 11 + 1) + 1) * 2 ** 14);
  });

  it("of launches that became no recording are freed by the next", () => {
    const { texels } = make();
    texels.begin([read(1), read(2), read(1)]);
    texels.begin([read(2)]);
    expect(texels.bytes).toBe(4 * 2 ** 14);
  });

  it("are freed by trim, and not held by a recording that reads none", () => {
    const { texels, freed } = make();
    const texture = freed(1);
    texels.hold([]);
    texels.forget();
    expect(texture).toHaveBeenCalledOnce();
    expect(texels.bytes).toBe(0);
  });

  it("are there for replays after larger ones and a trim", async () => {
    gpu.device.trim();
    const replay = gpu.record((x: Tensor) => combined(x, x, 16));
    const x = ramp(16, 3);
    const large = ramp(4000, 1);
    for (let k = 0; k < 3; k++) {
      expect(await replay(gpu.tensor(x)).data()).toEqual(expected(x, x));
      const y = [ramp(1025, k), large].map((each) =>
        combined(gpu.tensor(each), gpu.tensor(each), each.length / 4),
      );
      expect(await y[0]?.data()).toEqual(expected(ramp(1025, k), ramp(1025, k)));
      expect(await y[1]?.data()).toEqual(expected(large, large));
      gpu.device.trim();
    }
    const { bytes } = gpu.device.memory;
    replay.release();
    expect(gpu.device.memory.bytes).toBeLessThan(bytes);
  });

  // Two copies of 64 MB; the launch itself is 16 threads.
  it("are filled in the time that a profile gives a launch", async () => {
    const [x, y] = [gpu.zeros([2 ** 24]), gpu.zeros([64])];
    const { launches } = await gpu.profile(() => combine(gpu.device, { a: x, b: x, y, n: 16 }));
    expect(launches[0]?.ms).toBeGreaterThan(4);
  });

  it("cost a launch that reads none no error scopes", () => {
    const { device } = gpu;
    const [x, y] = [gpu.zeros([64]), gpu.zeros([64])];
    const launch = () => copyQuads(device, { x, y, n: 16 });
    launch();
    device.stream.flush();
    const scopes = vi.spyOn(device.errors, "watch");
    launch();
    expect(scopes).not.toHaveBeenCalled();
    scopes.mockRestore();
  });
});

describe("copies", () => {
  const { buffer } = gpu.zeros([1024]);
  const range = (byteOffset: number): BufferView => ({ buffer, byteOffset, byteLength: 256 });
  const launch = (access: readonly Access[], offsets: readonly number[]) => ({
    kernel: { label: "some", source: "", uniform: false, access },
    views: offsets.map(range),
  });

  /** The offsets that are copied, and where each launch's texels lie. */
  function follow(launches: readonly ReturnType<typeof launch>[]) {
    const texels = new TexelTextures(gpu.device.raw, () => {});
    texels.begin(launches);
    const copied: number[] = [];
    const places = launches.map((each) =>
      texels
        .place(each, ({ offset }) => copied.push(offset ?? Number.NaN))
        .map(({ buffer, byteOffset, texture }) => (texture ? buffer.id : byteOffset)),
    );
    return { copied, places };
  }

  it("are shared by two launches", () => {
    const both = launch(["texels", "texels"], [0, 256]);
    const { copied, places } = follow([both, launch(["texels", "texels"], [512, 0])]);
    expect(copied).toEqual([0, 256, 512]);
    expect(places[1]).toEqual([places[0]?.[1], places[0]?.[0]]);
  });

  it("are made again of what was written in between, and of nothing else", () => {
    const read = launch(["texels", "texels"], [0, 512]);
    const write = launch(["write", "update", "read"], [256, 640, 0]);
    const { copied, places } = follow([read, write, read]);
    expect(copied).toEqual([0, 512, 512]);
    expect(places[1]).toEqual([256, 640, 0]);
  });

  it("stay where launches read them again after others, until they're written", () => {
    const read = (...offsets: number[]) =>
      launch(
        offsets.map(() => "texels" as const),
        offsets,
      );
    const write = launch(["write"], [256]);
    const { copied, places } = follow([read(0, 256), read(512, 768), read(256, 0), write, read(256, 0)]);
    expect(copied).toEqual([0, 256, 512, 768, 256]);
    expect(places[2]).toEqual([places[0]?.[1], places[0]?.[0]]);
    expect(new Set([...(places[0] ?? []), ...(places[1] ?? [])]).size).toBe(4);
  });

  it("are refused where a kernel reads more than there are textures", () => {
    const three = launch(["texels", "texels", "texels"], [0, 256, 512]);
    expect(() => follow([three])).toThrow("[some] reads more than two buffers as texels");
  });
});
