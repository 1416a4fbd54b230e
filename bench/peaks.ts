/** The device's own ceilings, measured in WGSL in the same run as the kernels that are compared with them. */
import type { Device } from "../src/gpu/device.ts";
import { kernel, wgsl } from "../src/gpu/kernel.ts";
import { medianOf, sample } from "./timing.ts";

const accumulators = 8;
const stepsPerIteration = 16;
const flopsPerIteration = accumulators * stepsPerIteration * 4 * 2;

/** Multiply-adds in registers. Several steps of each accumulator stand together: software drivers reload those that cross a loop's edge. */
const arithmetic = kernel("peak_arithmetic", {
  write: { y: "quad" },
  params: { n: "u32", iterations: "u32", factor: "f32" },
  body: wgsl`
    if (i >= params.n) { return; }
    let factor = vec4f(params.factor);
    ${each(accumulators, (a) => `var c${a} = vec4f(f32(i) + ${a}.0);`)}
    for (var k = 0u; k < params.iterations; k++) {
      ${each(accumulators, (a) => each(stepsPerIteration, () => `c${a} = fma(c${a}, factor, factor);`))}
    }
    y[i] = ${Array.from({ length: accumulators }, (_, a) => `c${a}`).join(" + ")};`,
});

const copy = kernel("peak_copy", {
  read: { x: "quad" },
  write: { y: "quad" },
  params: { n: "u32" },
  body: wgsl`
    if (i >= params.n) { return; }
    y[i] = x[i];`,
});

function each(count: number, line: (k: number) => string): string {
  return Array.from({ length: count }, (_, k) => line(k)).join("\n");
}

export interface Peaks {
  /** f32 multiply-adds, each counted as two operations. */
  readonly gflops: number;
  /** vec4 loads plus stores through storage buffers. */
  readonly gigabytesPerSecond: number;
}

export async function measurePeaks(device: Device): Promise<Peaks> {
  const threads = 64 * 1024;
  const iterations = 64;
  const bytes = 32 * 2 ** 20;
  const x = device.allocate(bytes, "peak x");
  const y = device.allocate(bytes, "peak y");
  const n = bytes / 16;
  const forArithmetic = await sample(device, () =>
    arithmetic(device, { y, n: threads, iterations, factor: 0.5 }),
  );
  const forCopy = await sample(device, () => copy(device, { x, y, n }));
  device.release(x);
  device.release(y);
  return {
    gflops: (threads * iterations * flopsPerIteration) / medianOf(forArithmetic) / 1e6,
    gigabytesPerSecond: (2 * bytes) / medianOf(forCopy) / 1e6,
  };
}
