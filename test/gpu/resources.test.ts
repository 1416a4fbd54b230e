/** Launches of any size, the buffer pool, the uniform cache, precompilation. */

import { describe, expect, it } from "vitest";
import { add, mul, sum } from "wgrad";
import { sizeClass } from "../../src/gpu/buffers.ts";
import { kernel, wgsl } from "../../src/gpu/kernel.ts";
import { gpu } from "../support/gpu.ts";

const onePerGroup = { write: { y: "u32" }, params: { n: "u32" }, workgroupSize: 1 } as const;
const countThreads = kernel("count_threads", {
  ...onePerGroup,
  body: wgsl`
    if (i >= params.n) { return; }
    y[i] = i + 1u;`,
});
const countGroups = kernel("count_groups", {
  ...onePerGroup,
  groups: ({ n }) => n,
  body: wgsl`y[group] = group + 1u;`,
});

describe("more workgroups than a dimension holds", () => {
  for (const [name, launch] of [
    ["by threads", countThreads],
    ["by groups", countGroups],
  ] as const) {
    for (const n of [65_535, 65_536, 131_075]) {
      it(`${n} ${name}`, async () => {
        // One more element shows that no surplus group writes.
        const y = gpu.tensor(new Uint32Array(n + 1));
        launch(gpu.device, { y, n });
        const values = await y.data<Uint32Array<ArrayBuffer>>();
        expect(values.findIndex((value, k) => value !== (k < n ? k + 1 : 0))).toBe(-1);
      });
    }
  }
  it("in two dimensions are refused", () => {
    const y = gpu.zeros([1]);
    expect(() => countThreads(gpu.device, { y, n: 2 ** 32 - 1 })).toThrow(
      /\[count_threads\] needs 4294967295 workgroups/,
    );
  });
});

describe("the buffer pool", () => {
  it("hands a released buffer out again", () => {
    const { device } = gpu;
    const first = device.allocate(5_000, "test");
    device.release(first);
    const second = device.allocate(4_900, "test");
    expect(second.buffer.id).toBe(first.buffer.id);
    device.release(second);
  });

  it("never hands one out twice", () => {
    const { device } = gpu;
    const views = Array.from({ length: 10 }, () => device.allocate(5_000, "test"));
    expect(new Set(views.map(({ buffer }) => buffer.id)).size).toBe(10);
    for (const view of views) device.release(view);
  });

  it("counts buffers and bytes, and gives free ones back", async () => {
    const { device } = gpu;
    await gpu.idle();
    const before = gpu.memory;
    const view = device.allocate(1_000_003, "test");
    expect(gpu.memory.usedBytes - before.usedBytes).toBe(sizeClass(1_000_003));
    device.release(view);
    expect(gpu.memory.usedBytes).toBe(before.usedBytes);
    device.trim();
    expect(gpu.memory.bytes).toBe(gpu.memory.usedBytes);
    expect([...(await gpu.tensor([1, 2]).data())]).toEqual([1, 2]);
  });

  it("rounds to classes that hold the request and waste a fifth at most", () => {
    for (const bytes of [1, 255, 256, 257, 1_023, 1_025, 2_047, 4_097, 65_537, 1_000_003, 2 ** 27 + 1]) {
      const size = sizeClass(bytes);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(sizeClass(size)).toBe(size);
      expect(size % 256).toBe(0);
      if (bytes > 1_024) expect((size - bytes) / size).toBeLessThanOrEqual(0.2);
    }
  });
});

describe("the uniform cache", () => {
  it("stores equal parameters once, and others elsewhere", () => {
    const { uniforms } = gpu.device;
    const first = uniforms.find(new Uint32Array([9, 8, 7, 6]));
    expect(uniforms.find(new Uint32Array([9, 8, 7, 6]))).toBe(first);
    const other = uniforms.find(new Uint32Array([9, 8, 7, 5]));
    expect(other.id).not.toBe(first.id);
    expect(other.raw === first.raw && other.offset === first.offset).toBe(false);
  });

  it("keeps parameters apart over more than one page", async () => {
    const y = gpu.tensor([0]);
    let total = y;
    for (let k = 1; k <= 200; k++) total = add(total, k + 10_000);
    expect(await total.item()).toBe(200 * 10_000 + (200 * 201) / 2);
  });
});

describe("precompile", () => {
  it("compiles with progress and runs nothing", async () => {
    const fresh = kernel("precompiled_kernel", {
      update: { y: "quad" },
      params: { n: "u32" },
      body: wgsl`
        if (i >= params.n) { return; }
        y[i] += quad(1);`,
    });
    const y = gpu.tensor([1, 2, 3, 4], [4], { requiresGrad: true });
    const progress: string[] = [];
    const step = () => {
      fresh(gpu.device, { y, n: 1 });
      sum(mul(y, 1)).backward();
    };
    await gpu.precompile(step, (done, total, name) => {
      expect(done).toBeLessThanOrEqual(total);
      progress.push(name);
    });
    expect(progress).toContain("precompiled_kernel");
    expect(gpu.device.pipelines.has(fresh)).toBe(true);
    expect([...(await y.data())]).toEqual([1, 2, 3, 4]);

    const again: string[] = [];
    await gpu.precompile(step, (_done, _total, name) => again.push(name));
    expect(again).toEqual([]);
    step();
    expect([...(await y.data())]).toEqual([2, 3, 4, 5]);
  });

  it("leaves tracing when the step throws", async () => {
    const failing = () => {
      throw new Error("inside");
    };
    await expect(gpu.precompile(failing)).rejects.toThrow("inside");
    expect(await sum(gpu.tensor([1, 2])).item()).toBe(3);
  });
});
