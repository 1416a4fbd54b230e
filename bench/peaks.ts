/**
 * The device's own ceilings, measured in WGSL in the same run as the kernels that are compared with them.
 *
 * No single form is the fastest everywhere: software drivers pay for every lane, so lanes that do several elements win there;
 * GPUs have few registers a lane. So each ceiling is the best of a few forms, and of a measurement before and one after the run.
 */
import type { Device } from "../src/gpu/device.ts";
import { kernel, wgsl } from "../src/gpu/kernel.ts";
import { medianOf, type SampleOptions, sample } from "./timing.ts";

const stepsPerIteration = 16;

/** Multiply-adds in registers. Several steps of each accumulator stand together: software drivers reload those that cross a loop's edge. */
const arithmetic = [4, 8, 12].map((accumulators) => ({
  flopsPerIteration: accumulators * stepsPerIteration * 4 * 2,
  launch: kernel(`peak_arithmetic_${accumulators}`, {
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
  }),
}));

/** Neighbouring lanes touch neighbouring quads. */
const copies = [1, 4, 16].map((quadsPerLane) => ({
  quadsPerLane,
  launch: kernel(`peak_copy_${quadsPerLane}`, {
    read: { x: "quad" },
    write: { y: "quad" },
    params: { n: "u32" },
    constants: { quadsPerLane },
    body: wgsl`
    if (i >= params.n) { return; }
    for (var k = 0u; k < quadsPerLane; k++) { y[k * params.n + i] = x[k * params.n + i]; }`,
  }),
}));

/** As the engine's elementwise kernels go over memory: quickest on software drivers. */
const elementwiseCopy = kernel("peak_copy_elementwise", {
  read: { x: "quad" },
  write: { y: "quad" },
  params: { n: "u32" },
  elementwise: true,
  body: "y[i] = x[i];",
});

const sums = [16, 64].map((quadsPerLane) => ({
  quadsPerLane,
  launch: kernel(`peak_sum_${quadsPerLane}`, {
    read: { x: "quad" },
    write: { y: "quad" },
    params: { n: "u32" },
    constants: { quadsPerLane },
    body: wgsl`
    if (i >= params.n) { return; }
    var total = vec4f(0);
    for (var k = 0u; k < quadsPerLane; k++) { total += x[k * params.n + i]; }
    y[i] = total;`,
  }),
}));

function each(count: number, line: (k: number) => string): string {
  return Array.from({ length: count }, (_, k) => line(k)).join("\n");
}

export interface Peaks {
  /** f32 multiply-adds, each counted as two operations. */
  readonly gflops: number;
  /** vec4 loads plus stores through storage buffers. */
  readonly gigabytesPerSecond: number;
}

const threads = 64 * 1024;
const iterations = 64;
const bytes = 16 * 2 ** 20;
const sampling: SampleOptions = { samples: 5, leastMs: 20 };

export async function measurePeaks(device: Device): Promise<Peaks> {
  const x = device.allocate(bytes, "peak x");
  const y = device.allocate(bytes, "peak y");
  const perMs = async (work: number, launch: () => void) =>
    work / medianOf(await sample(device, launch, sampling)) / 1e6;
  let gflops = 0;
  for (const { launch, flopsPerIteration } of arithmetic) {
    const flops = threads * iterations * flopsPerIteration;
    gflops = Math.max(
      gflops,
      await perMs(flops, () => launch(device, { y, n: threads, iterations, factor: 0.5 })),
    );
  }
  let gigabytesPerSecond = 0;
  const forms = [
    { launch: elementwiseCopy, quadsPerLane: 1, moved: 2 * bytes },
    ...copies.map((form) => ({ ...form, moved: 2 * bytes })),
    ...sums.map((form) => ({ ...form, moved: bytes + bytes / form.quadsPerLane })),
  ];
  for (const { launch, quadsPerLane, moved } of forms) {
    const n = bytes / 16 / quadsPerLane;
    gigabytesPerSecond = Math.max(gigabytesPerSecond, await perMs(moved, () => launch(device, { x, y, n })));
  }
  device.release(x);
  device.release(y);
  return { gflops, gigabytesPerSecond };
}

/** Neighbours on a machine take from a measurement and never add to it. */
export function largerPeaks(a: Peaks, b: Peaks): Peaks {
  return {
    gflops: Math.max(a.gflops, b.gflops),
    gigabytesPerSecond: Math.max(a.gigabytesPerSecond, b.gigabytesPerSecond),
  };
}
