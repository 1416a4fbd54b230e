/** Mistakes that WebGPU reports late become exceptions at the next wait, with the kernel's name. */
import { describe, expect, it } from "vitest";
import { createGpu } from "wgrad";
import { kernel } from "../../src/gpu/kernel.ts";
import { gpu } from "../support/gpu.ts";

const broken = (body: string) =>
  kernel("broken_kernel", { write: { y: "quad" }, params: { n: "u32" }, body });

describe("a kernel that doesn't compile", () => {
  it("is reported at the next wait, with label, line and source", async () => {
    const y = gpu.zeros([4]);
    broken("let a = 1;\ny[i] = no_such_value;")(gpu.device, { y, n: 1 });
    const failure = await y.data().catch((error: Error) => error.message);
    expect(failure).toMatch(/^\[broken_kernel\] the kernel doesn't compile: line \d+:\d+: .*no_such_value/);
    expect(failure).toMatch(/\d+ \| let a = 1;\n +\d+ \| y\[i\] = no_such_value;/);
    await expect(gpu.idle()).resolves.toBeUndefined();
  });

  it("isn't remembered: it's reported at each use, and mended it runs", async () => {
    const y = gpu.zeros([4]);
    const source = "y[i] = no_such_value_either;";
    const pipelines = gpu.device.pipelines.size;
    for (let k = 0; k < 2; k++) {
      broken(source)(gpu.device, { y, n: 1 });
      await expect(gpu.idle()).rejects.toThrow("no_such_value_either");
    }
    expect(gpu.device.pipelines.size).toBe(pipelines);
    broken("y[i] = quad(7);")(gpu.device, { y, n: 1 });
    expect([...(await y.data())]).toEqual([7, 7, 7, 7]);
  });

  it("is reported by precompile", async () => {
    const y = gpu.zeros([4]);
    const step = () => broken("y[i] = missing;")(gpu.device, { y, n: 1 });
    await expect(gpu.precompile(step)).rejects.toThrow(
      /\[broken_kernel\] the kernel doesn't compile: line .*missing/,
    );
    await expect(gpu.idle()).resolves.toBeUndefined();
  });
});

it("a result that is waited for as the device is destroyed says so", async () => {
  const own = await createGpu();
  const result = own.full([3], 2).data();
  own.destroy();
  await expect(result).rejects.toThrowErrorMatchingInlineSnapshot(
    `[Error: [gpu] the device was destroyed while a result was waited for; await all of them first]`,
  );
});
