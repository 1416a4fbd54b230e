/**
 * Batch normalization over the rows of x `[rows, channels]`: y = (x - mean) / sqrt(variance + eps) * gamma + beta.
 *
 * Bound by memory, so x is read as seldom as possible: forward is one pass for the statistics and one that normalises,
 * backward one pass for both sums (dy, dy * x̂) and one for dx; what depends on the channel alone is computed between them.
 * A lane keeps a column (four channels; one where channels don't come in fours, since rows then aren't vec4-aligned) and walks
 * down a chunk of rows: neighbouring lanes load neighbouring memory, and what a column needs is loaded once a chunk.
 *
 * Variance survives any offset: a chunk sums squares of the distance to its first row, chunks are merged by Chan's formula in a
 * fixed order (Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979). Means are
 * kept as the distance to x's first row, since at 1e5 a float's steps are 0.008: x - mean is (x - shift) - offset everywhere.
 * (Moving the shift from the first row to the mean by an error-free sum was tried: compilers simplify the error away.)
 *
 * `moments` holds three rows of channels: shift, offset, 1 / sqrt(variance + eps).
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";
import { lanesWanted } from "./lanes.ts";

type Cell = "quad" | "scalar";

const mergeLanes = 64;
const mostRowsPerLane = 64;

const statistics = (label: string, cell: Cell) =>
  kernel(label, {
    read: { x: cell },
    write: { partials: cell },
    params: { n: "u32", rows: "u32", columns: "u32", chunk_rows: "u32" },
    declarations: `alias cell = ${cell};`,
    body: wgsl`
    if (i >= params.n) { return; }
    let chunk = i / params.columns;
    let column = i - chunk * params.columns;
    let begin = chunk * params.chunk_rows;
    let end = min(begin + params.chunk_rows, params.rows);
    let first = x[begin * params.columns + column];
    var sum = cell(0);
    var squares = cell(0);
    for (var row = begin + 1u; row < end; row++) {
      let distance = x[row * params.columns + column] - first;
      sum += distance;
      squares += distance * distance;
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
      rows: "u32",
      columns: "u32",
      chunk_rows: "u32",
      chunks: "u32",
      eps: "f32",
      momentum: "f32",
      unbiased: "f32",
    },
    constants: { lanes: mergeLanes },
    workgroupSize: mergeLanes,
    groups: ({ columns }) => columns,
    declarations: `alias cell = ${cell};
    var<workgroup> means: array<cell, lanes>;
    var<workgroup> spreads: array<cell, lanes>;
    var<workgroup> counts: array<f32, lanes>;`,
    body: wgsl`
    let column = group;
    var mean = cell(0);
    var spread = cell(0);
    var count = 0f;
    for (var chunk = lane; chunk < params.chunks; chunk += lanes) {
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
    for (var half = u32(lanes) / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (lane < half && counts[lane + half] > 0f) {
        let other = lane + half;
        let delta = means[other] - means[lane];
        let share = counts[other] / (counts[lane] + counts[other]);
        means[lane] += delta * share;
        spreads[lane] += spreads[other] + delta * delta * (counts[lane] * share);
        counts[lane] += counts[other];
      }
    }
    if (lane > 0u) { return; }
    let shift = x[column];
    let rounded = spreads[0] / f32(params.rows);
    let variance = select(rounded, cell(0), rounded < cell(0));
    moments[column] = shift;
    moments[params.columns + column] = means[0];
    moments[2u * params.columns + column] = 1f / sqrt(variance + params.eps);
    let kept = 1f - params.momentum;
    running_mean[column] = kept * running_mean[column] + params.momentum * (shift + means[0]);
    running_var[column] = kept * running_var[column] + params.momentum * params.unbiased * variance;`,
  });

/** Merges the chunks of a column, lane by lane and then as a tree, and moves the running statistics. */
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

const forward = (label: string, cell: Cell) =>
  kernel(label, {
    read: { x: cell, moments: cell, gamma: cell, beta: cell },
    write: { y: cell },
    params: { n: "u32", rows: "u32", columns: "u32", chunk_rows: "u32" },
    declarations: `alias cell = ${cell};`,
    body: wgsl`
    if (i >= params.n) { return; }
    let chunk = i / params.columns;
    let column = i - chunk * params.columns;
    let begin = chunk * params.chunk_rows;
    let end = min(begin + params.chunk_rows, params.rows);
    let shift = moments[column];
    let offset = moments[params.columns + column];
    let scale = moments[2u * params.columns + column] * gamma[column];
    let bias = beta[column];
    for (var row = begin; row < end; row++) {
      let k = row * params.columns + column;
      y[k] = ((x[k] - shift) - offset) * scale + bias;
    }`,
  });

/** y from x and the moments. */
export const batchNormForward = forward("batch_norm_forward", "quad");
export const batchNormForwardScalar = forward("batch_norm_forward_scalar", "scalar");

const gradientSums = (label: string, cell: Cell) =>
  kernel(label, {
    read: { x: cell, dy: cell, moments: cell },
    write: { partials: cell },
    params: { n: "u32", rows: "u32", columns: "u32", chunk_rows: "u32" },
    declarations: `alias cell = ${cell};`,
    body: wgsl`
    if (i >= params.n) { return; }
    let chunk = i / params.columns;
    let column = i - chunk * params.columns;
    let begin = chunk * params.chunk_rows;
    let end = min(begin + params.chunk_rows, params.rows);
    let shift = moments[column];
    let offset = moments[params.columns + column];
    var sum = cell(0);
    var products = cell(0);
    for (var row = begin; row < end; row++) {
      let k = row * params.columns + column;
      let gradient = dy[k];
      sum += gradient;
      products += gradient * ((x[k] - shift) - offset);
    }
    partials[2u * chunk * params.columns + column] = sum;
    partials[(2u * chunk + 1u) * params.columns + column] =
      products * moments[2u * params.columns + column];`,
  });

/** Per chunk the sums of dy and of dy * x̂. */
export const batchNormGradientSums = gradientSums("batch_norm_gradient_sums", "quad");
export const batchNormGradientSumsScalar = gradientSums("batch_norm_gradient_sums_scalar", "scalar");

const affineGrad = (label: string, cell: Cell) =>
  kernel(label, {
    read: { partials: cell, moments: cell, gamma: cell },
    write: { dgamma: cell, dbeta: cell, coefficients: cell },
    params: { columns: "u32", chunks: "u32", row_share: "f32" },
    constants: { lanes: mergeLanes },
    workgroupSize: mergeLanes,
    groups: ({ columns }) => columns,
    declarations: `alias cell = ${cell};
    var<workgroup> sums: array<cell, lanes>;
    var<workgroup> products: array<cell, lanes>;`,
    body: wgsl`
    let column = group;
    var sum = cell(0);
    var product = cell(0);
    for (var chunk = lane; chunk < params.chunks; chunk += lanes) {
      sum += partials[2u * chunk * params.columns + column];
      product += partials[(2u * chunk + 1u) * params.columns + column];
    }
    sums[lane] = sum;
    products[lane] = product;
    for (var half = u32(lanes) / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (lane < half) {
        sums[lane] += sums[lane + half];
        products[lane] += products[lane + half];
      }
    }
    if (lane > 0u) { return; }
    let inverse = moments[2u * params.columns + column];
    dbeta[column] = sums[0];
    dgamma[column] = products[0];
    coefficients[column] = gamma[column] * inverse;
    coefficients[params.columns + column] = sums[0] * params.row_share;
    coefficients[2u * params.columns + column] = products[0] * params.row_share * inverse;`,
  });

/** dgamma, dbeta, and per channel what dx needs: scale, mean of dy, slope. `row_share` is 1 / rows, in evaluation 0. */
export const batchNormAffineGrad = affineGrad("batch_norm_affine_grad", "quad");
export const batchNormAffineGradScalar = affineGrad("batch_norm_affine_grad_scalar", "scalar");

const inputGrad = (label: string, cell: Cell) =>
  kernel(label, {
    read: { x: cell, dy: cell, moments: cell, coefficients: cell },
    write: { dx: cell },
    params: { n: "u32", rows: "u32", columns: "u32", chunk_rows: "u32" },
    declarations: `alias cell = ${cell};`,
    body: wgsl`
    if (i >= params.n) { return; }
    let chunk = i / params.columns;
    let column = i - chunk * params.columns;
    let begin = chunk * params.chunk_rows;
    let end = min(begin + params.chunk_rows, params.rows);
    let shift = moments[column];
    let offset = moments[params.columns + column];
    let scale = coefficients[column];
    let mean = coefficients[params.columns + column];
    let slope = coefficients[2u * params.columns + column];
    for (var row = begin; row < end; row++) {
      let k = row * params.columns + column;
      dx[k] = scale * ((dy[k] - mean) - ((x[k] - shift) - offset) * slope);
    }`,
  });

/** dx = scale * (dy - mean(dy) - x̂ * mean(dy * x̂)). */
export const batchNormInputGrad = inputGrad("batch_norm_input_grad", "quad");
export const batchNormInputGradScalar = inputGrad("batch_norm_input_grad_scalar", "scalar");

/** x as rows of channels. */
export interface BatchNormSize {
  readonly rows: number;
  readonly channels: number;
}

/** How the rows are cut: enough lanes to fill a GPU, and as few loads of a column's constants as that allows. */
function chunking(device: Device, { rows, channels }: BatchNormSize) {
  const vectorized = channels % 4 === 0;
  const columns = vectorized ? channels / 4 : channels;
  const chunk_rows = Math.min(
    mostRowsPerLane,
    Math.max(4, Math.ceil((rows * columns) / lanesWanted(device))),
  );
  const chunks = Math.ceil(rows / chunk_rows);
  return { vectorized, chunks, params: { n: chunks * columns, rows, columns, chunk_rows } };
}

/** Bytes of `moments` (and of `coefficients`). */
export function momentsBytes(channels: number): number {
  return 3 * channels * 4;
}

/** Computes the batch's moments, and moves the running statistics in place; their variance is unbiased by m / max(m - 1, 1). */
export function batchMoments(
  device: Device,
  views: { x: BufferView; moments: BufferView; runningMean: BufferView; runningVar: BufferView },
  size: BatchNormSize & { readonly momentum: number; readonly eps: number },
): void {
  const { vectorized, chunks, params } = chunking(device, size);
  const partials = device.allocate(chunks * 2 * size.channels * 4, "batch norm partials");
  const first = vectorized ? batchNormStatistics : batchNormStatisticsScalar;
  first(device, { x: views.x, partials, ...params });
  const second = vectorized ? batchNormMoments : batchNormMomentsScalar;
  second(device, {
    x: views.x,
    partials,
    moments: views.moments,
    running_mean: views.runningMean,
    running_var: views.runningVar,
    rows: params.rows,
    columns: params.columns,
    chunk_rows: params.chunk_rows,
    chunks,
    eps: size.eps,
    momentum: size.momentum,
    unbiased: size.rows / Math.max(size.rows - 1, 1),
  });
  device.release(partials);
}

/** y from x and the moments. */
export function normalize(
  device: Device,
  views: { x: BufferView; moments: BufferView; gamma: BufferView; beta: BufferView; y: BufferView },
  size: BatchNormSize,
): void {
  const { vectorized, params } = chunking(device, size);
  const run = vectorized ? batchNormForward : batchNormForwardScalar;
  run(device, { ...views, ...params });
}

/** dgamma and dbeta, and the coefficients that `normalizeInputGrad` takes. In training the moments depend on x too. */
export function normalizeAffineGrad(
  device: Device,
  views: Readonly<Record<"x" | "dy" | "moments" | "gamma" | "dgamma" | "dbeta" | "coefficients", BufferView>>,
  size: BatchNormSize & { readonly training: boolean },
): void {
  const { vectorized, chunks, params } = chunking(device, size);
  const partials = device.allocate(chunks * 2 * size.channels * 4, "batch norm gradient partials");
  const first = vectorized ? batchNormGradientSums : batchNormGradientSumsScalar;
  first(device, { x: views.x, dy: views.dy, moments: views.moments, partials, ...params });
  const second = vectorized ? batchNormAffineGrad : batchNormAffineGradScalar;
  const { moments, gamma, dgamma, dbeta, coefficients } = views;
  const row_share = size.training ? 1 / size.rows : 0;
  second(device, {
    partials,
    moments,
    gamma,
    dgamma,
    dbeta,
    coefficients,
    columns: params.columns,
    chunks,
    row_share,
  });
  device.release(partials);
}

/** dx from dy and the coefficients. */
export function normalizeInputGrad(
  device: Device,
  views: Readonly<Record<"x" | "dy" | "moments" | "coefficients" | "dx", BufferView>>,
  size: BatchNormSize,
): void {
  const { vectorized, params } = chunking(device, size);
  const run = vectorized ? batchNormInputGrad : batchNormInputGradScalar;
  run(device, { ...views, ...params });
}
