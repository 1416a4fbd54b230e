/** Kernels that training spends its time on, as `npm run bench` times them, under the roof of the GPU at hand. */
import type { Gpu } from "wgrad";
import { PeakMeter, type Peaks } from "../../../../bench/peaks.ts";
import { timeCase } from "../../../../bench/time-case.ts";
import { batchNormReluDropoutCases } from "../../../../src/kernels/batch-norm/batch-norm-relu-dropout.cases.ts";
import type { KernelCase } from "../../../../src/kernels/cases.ts";
import { conv2dFamilyCases } from "../../../../src/kernels/conv2d/conv2d.cases.ts";
import { gemmCases } from "../../../../src/kernels/gemm/gemm.cases.ts";
import { maxPoolCases } from "../../../../src/kernels/max-pool.cases.ts";
import { reluCases } from "../../../../src/kernels/relu.cases.ts";
import { sgdCases } from "../../../../src/kernels/sgd.cases.ts";
import type { BenchResult, BenchRow } from "../protocol.ts";
import { describeAdapter } from "./gpus.ts";

const sampling = { samples: 5, leastMs: 20, mostMs: 500 };
/** Fewer have no quartiles to speak of. */
const leastSamples = 3;
/** A launch that compiles: where a second one takes longer than `mostMs`, its time is the kernel's alone. */
const once = { mostMs: 0 };
/** Operations per byte of kernels that count none: about one for each value that moves, and none is near the ridge. */
const assumedIntensity = 0.25;

interface Chosen {
  readonly name: string;
  readonly family: string;
  readonly kernelCase: KernelCase;
}

const vggRow = /@ (32x32|16x16|8x8|4x4|2x2), 3x3$/;

/** What's chosen on any device: square products, VGG's convolutions by direction, and what is bound by memory. */
function chosenCases(): Chosen[] {
  const gemms = gemmCases.filter(({ name }) =>
    /^gemm chosen n[nt] \[(512|1024), .* x \[(512|1024), /.test(name),
  );
  const convolutions = conv2dFamilyCases.filter(({ chosen }) => vggRow.test(chosen?.row ?? ""));
  const first = (cases: readonly KernelCase[], start: string) =>
    cases.filter(({ bench, name }) => bench && name.startsWith(start)).slice(0, 1);
  const others = [
    ...first(batchNormReluDropoutCases, "batch_norm_relu_dropout_forward training"),
    ...first(batchNormReluDropoutCases, "batch_norm_relu_dropout_forward_and_backward"),
    ...first(maxPoolCases, "max_pool_forward"),
    ...first(maxPoolCases, "max_pool_backward"),
    ...first(reluCases, "relu_forward"),
    ...first(sgdCases, "sgd_step"),
  ];
  return [
    ...gemms.map((kernelCase) => named(kernelCase, "gemm")),
    ...convolutions.map((kernelCase) => named(kernelCase, `conv2d ${kernelCase.chosen?.column ?? ""}`)),
    ...others.map((kernelCase) => ({
      name: kernelCase.name.replaceAll("_", " "),
      family: "bound by memory",
      kernelCase,
    })),
  ];
}

function named(kernelCase: KernelCase, family: string): Chosen {
  const { row = kernelCase.name, column = "" } = kernelCase.chosen ?? {};
  return { name: `${family.split(" ")[0]} ${row} ${column}`, family, kernelCase };
}

/**
 * Measures peaks and kernels.
 * @param signal ends it with what there is by then
 * @param onProgress before each kernel
 */
export async function runBenchmark(
  gpu: Gpu,
  signal: AbortSignal,
  onProgress: (done: number, total: number, name: string) => void,
): Promise<BenchResult> {
  const { device } = gpu;
  const cases = chosenCases();
  const meter = new PeakMeter(device);
  onProgress(0, cases.length, "the peaks of this GPU");
  await meter.measure();
  const rows: Omit<BenchRow, "percentOfRoof">[] = [];
  for (const [done, { name, family, kernelCase }] of cases.entries()) {
    if (signal.aborted) break;
    if (kernelCase.skip?.(device) !== undefined) continue;
    onProgress(done, cases.length, name);
    await meter.measureInBetween();
    await timeCase(device, kernelCase, once);
    const { ms, spread: measured, samples } = await timeCase(device, kernelCase, sampling);
    const spread = samples < leastSamples ? Number.NaN : measured;
    const { bytes = 0, flops = assumedIntensity * bytes } = kernelCase;
    const [gflops, gigabytesPerSecond] = [flops / ms / 1e6, bytes / ms / 1e6];
    rows.push({ name, family, ms, spread, gflops, gigabytesPerSecond, intensity: flops / bytes });
  }
  if (!signal.aborted) await meter.measure(); // what else the machine did may have lowered the first peaks
  return {
    version: 1,
    date: new Date().toISOString(),
    browser: navigator.userAgent,
    adapter: describeAdapter(gpu),
    peaks: { gflops: meter.peaks.gflops, gigabytesPerSecond: meter.peaks.gigabytesPerSecond },
    rows: rows.map((row) => ({ ...row, percentOfRoof: percentOfRoof(row, meter.peaks) })),
  };
}

/** Winograd's algorithm does fewer operations than are counted: it can be above 100. */
function percentOfRoof(
  { gflops, intensity }: Pick<BenchRow, "gflops" | "intensity">,
  peaks: Pick<Peaks, "gflops" | "gigabytesPerSecond">,
): number {
  return (100 * gflops) / Math.min(peaks.gflops, intensity * peaks.gigabytesPerSecond);
}
