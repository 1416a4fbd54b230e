/**
 * The moments of x `[rows, channels]`: one pass over x, then a merge, which moves the running statistics too.
 *
 * Variance survives any offset: a chunk sums squares of the distance to its first row, chunks are merged by Chan's formula in a
 * fixed order (Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979). Means are
 * kept as the distance to x's first row, since at 1e5 a float's steps are 0.008: x - mean is (x - shift) - offset everywhere.
 * (Moving the shift from the first row to the mean by an error-free sum was tried: compilers simplify the error away.)
 *
 * Rows are added up in eights, a loop that compilers unroll: accumulators that cross a loop's edge cost lavapipe a reload, a blend
 * and a store each (1.3 CPU ms in place of 1.5 for 8 MB).
 *
 * `moments` holds three rows of channels: shift, offset, 1 / sqrt(variance + eps).
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { positivePartWgsl } from "../positive-part.ts";
import {
  type BatchNormSize,
  type Cell,
  cutIntoChunks,
  merge,
  mergeParams,
  merging,
  walk,
  walkParams,
  withPartials,
} from "./columns.ts";

const statistics = (label: string, cell: Cell) =>
  kernel(label, {
    read: { x: cell },
    write: { partials: cell },
    params: walkParams,
    declarations: `alias cell = ${cell};`,
    body: wgsl`${walk}
    let first = x[begin * params.columns + column];
    var sum = cell(0);
    var squares = cell(0);
    for (var eight = begin; eight < end; eight += 8u) {
      var sum_of_eight = cell(0);
      var squares_of_eight = cell(0);
      for (var r = 0u; r < 8u; r++) {
        let row = eight + r;
        let distance = select(cell(0), x[min(row, end - 1u) * params.columns + column] - first, row < end);
        sum_of_eight += distance;
        squares_of_eight += distance * distance;
      }
      sum += sum_of_eight;
      squares += squares_of_eight;
    }
    let mean = sum / f32(end - begin);
    partials[2u * chunk * params.columns + column] = (first - x[column]) + mean;
    partials[(2u * chunk + 1u) * params.columns + column] = squares - sum * mean;`,
  });

/** Per chunk the mean's distance to x's first row, and the sum of squared distances to the mean. */
export const batchNormStatistics = statistics("batch_norm_statistics", "quad");
export const batchNormStatisticsScalar = statistics("batch_norm_statistics_scalar", "scalar");

const moments = (label: string, cell: Cell) =>
  kernel(label, {
    read: { x: cell, partials: cell },
    write: { moments: cell },
    update: { running_mean: cell, running_var: cell },
    params: {
      ...mergeParams,
      rows: "u32",
      chunk_rows: "u32",
      eps: "f32",
      momentum: "f32",
      unbiased: "f32",
    },
    ...merging,
    declarations: `alias cell = ${cell};${positivePartWgsl(cell)}
    var<workgroup> means: array<cell, lanes>;
    var<workgroup> spreads: array<cell, lanes>;
    var<workgroup> counts: array<f32, lanes>;`,
    body: wgsl`${merge}
    var mean = cell(0);
    var spread = cell(0);
    var count = 0f;
    for (var chunk = slice; chunk < chunks; chunk += params.slices) {
      let size = f32(min(params.chunk_rows, params.rows - chunk * params.chunk_rows));
      let delta = partials[2u * chunk * params.columns + column] - mean;
      let share = size / (count + size);
      mean += delta * share;
      spread += partials[(2u * chunk + 1u) * params.columns + column] + delta * delta * (count * share);
      count += size;
    }
    means[lane] = mean;
    spreads[lane] = spread;
    counts[lane] = count;
    for (var half = params.slices / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (slice < half && counts[lane + half * width] > 0f) {
        let other = lane + half * width;
        let delta = means[other] - means[lane];
        let share = counts[other] / (counts[lane] + counts[other]);
        means[lane] += delta * share;
        spreads[lane] += spreads[other] + delta * delta * (counts[lane] * share);
        counts[lane] += counts[other];
      }
    }
    if (slice > 0u || column >= params.columns) { return; }
    let shift = x[column];
    let offset = means[lane];
    let variance = positive_part(spreads[lane] / f32(params.rows));
    moments[column] = shift;
    moments[params.columns + column] = offset;
    moments[2u * params.columns + column] = 1f / sqrt(variance + params.eps);
    let kept = 1f - params.momentum;
    running_mean[column] = kept * running_mean[column] + params.momentum * (shift + offset);
    running_var[column] = kept * running_var[column] + params.momentum * params.unbiased * variance;`,
  });

/** Merges the chunks of a column, and moves the running statistics. */
export const batchNormMoments = moments("batch_norm_moments", "quad");
export const batchNormMomentsScalar = moments("batch_norm_moments_scalar", "scalar");

/** The moments that evaluation uses. */
export const batchNormRunningMoments = kernel("batch_norm_running_moments", {
  read: { running_mean: "scalar", running_var: "scalar" },
  write: { moments: "scalar" },
  params: { n: "u32", eps: "f32" },
  body: wgsl`
    if (i >= params.n) { return; }
    moments[i] = running_mean[i];
    moments[params.n + i] = 0f;
    moments[2u * params.n + i] = 1f / sqrt(running_var[i] + params.eps);`,
});

/** Bytes of `moments` (and of the gradient's coefficients). */
export function momentsBytes(channels: number): number {
  return 3 * channels * 4;
}

/** Computes the batch's moments, and moves the running statistics in place; their variance is unbiased by m / max(m - 1, 1). */
export function batchMoments(
  device: Device,
  views: { x: BufferView; moments: BufferView; runningMean: BufferView; runningVar: BufferView },
  size: BatchNormSize & { readonly momentum: number; readonly eps: number },
): void {
  const { rows, momentum, eps } = size;
  const cut = cutIntoChunks(device, size);
  const { x, moments, runningMean, runningVar } = views;
  withPartials(device, size, (partials) => {
    const sumUp = cut.vectorized ? batchNormStatistics : batchNormStatisticsScalar;
    sumUp(device, { x, partials, ...cut.walk });
    const finish = cut.vectorized ? batchNormMoments : batchNormMomentsScalar;
    finish(device, {
      ...{ x, partials, moments, running_mean: runningMean, running_var: runningVar },
      ...{ ...cut.merge, rows, chunk_rows: cut.walk.chunk_rows },
      ...{ eps, momentum, unbiased: rows / Math.max(rows - 1, 1) },
    });
  });
}

/** The moments that evaluation uses: the running ones. */
export function runningAsMoments(
  device: Device,
  {
    moments,
    runningMean,
    runningVar,
  }: Readonly<Record<"moments" | "runningMean" | "runningVar", BufferView>>,
  channels: number,
  eps: number,
): void {
  batchNormRunningMoments(device, {
    ...{ running_mean: runningMean, running_var: runningVar, moments },
    ...{ n: channels, eps },
  });
}
