import type { Device } from "../../gpu/device.ts";
import type { KernelSource } from "../../gpu/pipelines.ts";
import { type KernelCase, noise, type ReferenceValues, values, view } from "../cases.ts";
import {
  batchNormGradReference,
  batchNormReference,
  type Moments,
  momentsReference,
  runningReference,
} from "./batch-norm.reference.ts";
import { batchNormForward, batchNormForwardScalar, normalize } from "./batch-norm.ts";
import type { BatchNormSize } from "./columns.ts";
import {
  batchNormAffineGrad,
  batchNormAffineGradScalar,
  batchNormGradientSums,
  batchNormGradientSumsScalar,
  batchNormInputGrad,
  batchNormInputGradScalar,
  normalizeAffineGrad,
  normalizeInputGrad,
} from "./gradient.ts";
import {
  batchMoments,
  batchNormMoments,
  batchNormMomentsScalar,
  batchNormRunningMoments,
  batchNormStatistics,
  batchNormStatisticsScalar,
  momentsBytes,
  runningAsMoments,
} from "./moments.ts";

export const eps = 2e-5;
export const momentum = 0.1;

export interface BatchNormCase extends BatchNormSize {
  readonly offset?: number;
  readonly bench?: boolean;
}

/** Rows around a lane's share and around a workgroup's lanes; channels that come in fours and not; VGG's at batch 32. */
const sizes: BatchNormCase[] = [
  { rows: 1, channels: 3 },
  { rows: 2, channels: 4 },
  { rows: 5, channels: 1 },
  { rows: 64, channels: 5 },
  { rows: 259, channels: 12 },
  { rows: 33, channels: 67 },
  { rows: 4097, channels: 64 },
  { rows: 1031, channels: 8, offset: 1e5 },
  { rows: 1031, channels: 3, offset: -1e5 },
  { rows: 32 * 32 * 32, channels: 64, bench: true },
  { rows: 32 * 16 * 16, channels: 128, bench: true },
  { rows: 32 * 4 * 4, channels: 512, bench: true },
];

const vectorized: KernelSource[] = [batchNormStatistics, batchNormMoments, batchNormForward];
const scalar: KernelSource[] = [batchNormStatisticsScalar, batchNormMomentsScalar, batchNormForwardScalar];
const vectorizedGrad: KernelSource[] = [batchNormGradientSums, batchNormAffineGrad, batchNormInputGrad];
const scalarGrad: KernelSource[] = [
  batchNormGradientSumsScalar,
  batchNormAffineGradScalar,
  batchNormInputGradScalar,
];

export function inputs({ rows, channels, offset = 0 }: BatchNormCase) {
  return {
    x: noise(rows * channels, 1).map((value) => Math.fround(value + offset)),
    dy: noise(rows * channels, 2),
    gamma: noise(channels, 3).map((value) => value + 1.5),
    beta: noise(channels, 4),
    runningMean: noise(channels, 5),
    runningVar: noise(channels, 6).map((value) => value + 2),
  };
}

/** Runs `fn` with room for moments and coefficients. */
export function withScratch(
  device: Device,
  { channels }: BatchNormSize,
  fn: (scratch: {
    moments: ReturnType<typeof device.allocate>;
    coefficients: ReturnType<typeof device.allocate>;
  }) => void,
): void {
  const moments = device.allocate(momentsBytes(channels), "moments");
  const coefficients = device.allocate(momentsBytes(channels), "coefficients");
  fn({ moments, coefficients });
  device.release(moments);
  device.release(coefficients);
}

export function runningMoments(given: ReferenceValues): Moments {
  return {
    mean: Float64Array.from(values(given, "runningMean")),
    variance: Float64Array.from(values(given, "runningVar")),
  };
}

export const batchNormCases: KernelCase[] = sizes.flatMap((size) => {
  const { rows, channels, bench = false } = size;
  const name = `[${rows}, ${channels}]${size.offset ? ` around ${size.offset}` : ""}`;
  const count = rows * channels;
  const byFour = channels % 4 === 0;
  const tolerance = { relative: 4e-6, why: "two sums over the rows and a division, each some roundings" };
  const forward: KernelCase = {
    name: `batch_norm_forward ${name}`,
    covers: byFour ? vectorized : scalar,
    inputs: () => inputs(size),
    outputs: { y: count, runningMean: channels, runningVar: channels },
    launch: (device, views) =>
      withScratch(device, size, ({ moments }) => {
        const x = view(views, "x");
        const running = { runningMean: view(views, "runningMean"), runningVar: view(views, "runningVar") };
        batchMoments(device, { x, moments, ...running }, { ...size, eps, momentum });
        const affine = { gamma: view(views, "gamma"), beta: view(views, "beta") };
        normalize(device, { x, moments, ...affine, y: view(views, "y") }, size);
      }),
    reference: (given) => {
      const moments = momentsReference(values(given, "x"), channels);
      const running = runningReference(runningMoments(given), moments, rows, momentum);
      const x = values(given, "x");
      const y = batchNormReference(x, moments, values(given, "gamma"), values(given, "beta"), eps);
      return { y, runningMean: running.mean, runningVar: running.variance };
    },
    tolerance,
    bench,
    bytes: 12 * count,
  };
  const backward = (training: boolean): KernelCase => ({
    name: `batch_norm_backward ${training ? "training" : "evaluation"} ${name}`,
    covers: [...(byFour ? vectorizedGrad : scalarGrad), ...(training ? [] : [batchNormRunningMoments])],
    inputs: () => inputs(size),
    outputs: { dx: count, dgamma: channels, dbeta: channels },
    launch: (device, views) =>
      withScratch(device, size, ({ moments, coefficients }) => {
        const x = view(views, "x");
        const dy = view(views, "dy");
        const runningMean = view(views, "runningMean");
        const runningVar = view(views, "runningVar");
        if (training) {
          batchMoments(device, { x, moments, runningMean, runningVar }, { ...size, eps, momentum });
        } else {
          runningAsMoments(device, { moments, runningMean, runningVar }, channels, eps);
        }
        const affine = {
          gamma: view(views, "gamma"),
          dgamma: view(views, "dgamma"),
          dbeta: view(views, "dbeta"),
        };
        normalizeAffineGrad(device, { x, dy, moments, coefficients, ...affine }, { ...size, training });
        normalizeInputGrad(device, { x, dy, moments, coefficients, dx: view(views, "dx") }, size);
      }),
    reference: (given) => {
      const x = values(given, "x");
      const moments = training ? momentsReference(x, channels) : runningMoments(given);
      return {
        ...batchNormGradReference(x, values(given, "dy"), moments, values(given, "gamma"), eps, training),
      };
    },
    tolerance,
    bench: bench && training,
    bytes: 20 * count,
  });
  // A batch of one or two rows has a gradient that cancels to nothing: the op's tests measure it against its terms.
  return rows <= 2 ? [forward, backward(false)] : [forward, backward(true), backward(false)];
});
