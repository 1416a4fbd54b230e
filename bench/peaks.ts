/**
 * The device's own ceilings, measured in WGSL in the same run as the kernels that are compared with them.
 *
 * No single form is the fastest everywhere: software drivers pay for every lane, so lanes that do several elements win there;
 * GPUs have few registers a lane. So each ceiling is the best of a few forms. Neighbours on a machine take from a measurement and never
 * add to it, at times for minutes: the best sample counts, of as many as it takes until none is better, before, while and after the kernels run.
 */
import type { Device } from "../src/gpu/device.ts";
import { kernel, wgsl } from "../src/gpu/kernel.ts";
import { medianOf, sample } from "./timing.ts";

/**
 * Multiply-adds in registers, a few steps of a few accumulators an iteration. The steps of one wait for each other, which a CPU can't always look beyond; but those
 * that cross a loop's edge are reloaded by software drivers.
 */
const arithmetic = [
  { accumulators: 4, steps: 16 },
  { accumulators: 8, steps: 16 },
  { accumulators: 12, steps: 16 },
  { accumulators: 16, steps: 4 },
].map(({ accumulators, steps }) => ({
  flopsPerIteration: accumulators * steps * 4 * 2,
  launch: kernel(`peak_arithmetic_${accumulators}_${steps}`, {
    write: { y: "quad" },
    params: { n: "u32", iterations: "u32", factor: "f32" },
    body: wgsl`
    if (i >= params.n) { return; }
    let factor = vec4f(params.factor);
    ${each(accumulators, (a) => `var c${a} = vec4f(f32(i) + ${a}.0);`)}
    for (var k = 0u; k < params.iterations; k++) {
      ${each(accumulators, (a) => each(steps, () => `c${a} = fma(c${a}, factor, factor);`))}
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

interface Ceilings {
  /** f32 multiply-adds, each counted as two operations. */
  readonly gflops: number;
  /** vec4 loads plus stores through storage buffers. */
  readonly gigabytesPerSecond: number;
}

export interface Peaks extends Ceilings {
  /** The median sample of the form that has the best one: less than that where others used the machine. */
  readonly usual: Ceilings;
}

interface Form {
  /** Operations or bytes of a launch. */
  readonly work: number;
  readonly launch: () => void;
  /** Billions a second. */
  readonly samples: number[];
}

const iterations = 32;
/** Each long enough to take a millisecond or so; on a GPU, buffers that its caches don't hold. */
const sizes = {
  software: { threads: 2 ** 16, bytes: 2 ** 24 },
  gpu: { threads: 2 ** 20, bytes: 2 ** 27 },
};
/** A measurement ends with the first so many samples in a row of which none is better than those before. */
const patience = 4;
const mostSamples = 16;
const better = 1.005;
const millisecondsBetween = 30_000;

/** Measures the peaks of a device again and again in the course of a run. Its two buffers go with the device. */
export class PeakMeter {
  readonly #device: Device;
  readonly #arithmetic: readonly Form[];
  readonly #memory: readonly Form[];
  #last = Number.NEGATIVE_INFINITY;

  constructor(device: Device) {
    this.#device = device;
    const { threads, bytes } = device.info.isSoftware ? sizes.software : sizes.gpu;
    const x = device.allocate(bytes, "peak x");
    const y = device.allocate(bytes, "peak y");
    this.#arithmetic = arithmetic.map(({ launch, flopsPerIteration }) => ({
      work: threads * iterations * flopsPerIteration,
      launch: () => launch(device, { y, n: threads, iterations, factor: 0.5 }),
      samples: [],
    }));
    const forms = [
      { launch: elementwiseCopy, quadsPerLane: 1, work: 2 * bytes },
      ...copies.map((form) => ({ ...form, work: 2 * bytes })),
      ...sums.map((form) => ({ ...form, work: bytes + bytes / form.quadsPerLane })),
    ];
    this.#memory = forms.map(({ launch, quadsPerLane, work }) => ({
      work,
      launch: () => launch(device, { x, y, n: bytes / 16 / quadsPerLane }),
      samples: [],
    }));
  }

  /** All forms; takes three seconds on a quiet CPU, up to fifteen on a busy one. */
  async measure(): Promise<void> {
    for (const form of [...this.#arithmetic, ...this.#memory]) await this.#measure(form);
    this.#last = performance.now();
  }

  /** The forms that were best so far, if the last measurement was half a minute ago. */
  async measureInBetween(): Promise<void> {
    if (performance.now() - this.#last < millisecondsBetween) return;
    await this.#measure(bestOf(this.#arithmetic));
    await this.#measure(bestOf(this.#memory));
    this.#last = performance.now();
  }

  /** Of all measurements so far. */
  get peaks(): Peaks {
    const [arithmetic, memory] = [bestOf(this.#arithmetic).samples, bestOf(this.#memory).samples];
    return {
      gflops: Math.max(...arithmetic),
      gigabytesPerSecond: Math.max(...memory),
      usual: { gflops: medianOf(arithmetic), gigabytesPerSecond: medianOf(memory) },
    };
  }

  async #measure({ work, launch, samples }: Form): Promise<void> {
    let best = 0;
    for (let taken = 0; taken < mostSamples; taken += patience) {
      const times = await sample(this.#device, launch, { samples: patience, leastMs: 20 });
      const rates = times.map((ms) => work / ms / 1e6);
      samples.push(...rates);
      if (Math.max(...rates) <= best * better) return;
      best = Math.max(...rates);
    }
  }
}

export function describePeaks({ gflops, gigabytesPerSecond, usual }: Peaks): string {
  return (
    `Peaks, the best measured before, between and after: ${gflops.toFixed(0)} GFLOP/s, ` +
    `${gigabytesPerSecond.toFixed(1)} GB/s through storage buffers; ` +
    `medians ${usual.gflops.toFixed(0)} and ${usual.gigabytesPerSecond.toFixed(1)}, lower where others used the machine`
  );
}

function bestOf(forms: readonly Form[]): Form {
  const best = ({ samples }: Form) => Math.max(0, ...samples);
  return forms.reduce((a, b) => (best(b) > best(a) ? b : a));
}
