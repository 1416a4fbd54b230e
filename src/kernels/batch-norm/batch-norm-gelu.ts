/**
 * gelu(batch normalization) in one pass over x, and its gradient's sums in one over x and dy. Backward normalises x again, so that nothing of
 * x's size is kept but x.
 *
 * The pass for the sums leaves the gradient of the normalised x behind, which the pass for dx reads like any other. To compute it in
 * both was slower: an exponential and a division an element cost more than to move it once. CPU ms on lavapipe, medians of five interleaved
 * runs, the machine busy:
 *
 * | | [112500, 64] | [24500, 256] | [4500, 256] |
 * |---|---|---|---|
 * | forward, apart | 32.2 | 35.0 | 6.7 |
 * | forward | 19.9 | 27.6 | 4.2 |
 * | backward, apart | 53.5 | 68.5 | 10.1 |
 * | backward, slopes computed twice | 46.7 | 58.6 | 9.3 |
 * | backward | 40.6 | 52.0 | 9.9 |
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { geluWgsl } from "../gelu.ts";
import { mappingLanes } from "../lanes.ts";
import { type BatchNormSize, type Cell, cutIntoChunks, walk, walkParams } from "./columns.ts";
import { type AffineGradViews, mergeSums } from "./gradient.ts";

const start = wgsl`${walk}
    let shift = moments[column];
    let offset = moments[params.columns + column];
    let scale = moments[2u * params.columns + column] * gamma[column];
    let bias = beta[column];`;

const forward = (label: string, cell: Cell) =>
  kernel(label, {
    read: { x: cell, moments: cell, gamma: cell, beta: cell },
    write: { y: cell },
    params: walkParams,
    declarations: geluWgsl(cell),
    body: wgsl`${start}
    for (var row = begin; row < end; row++) {
      let k = row * params.columns + column;
      y[k] = gelu(((x[k] - shift) - offset) * scale + bias);
    }`,
  });

export const batchNormGeluForward = forward("batch_norm_gelu_forward", "quad");
export const batchNormGeluForwardScalar = forward("batch_norm_gelu_forward_scalar", "scalar");

const gradientSums = (label: string, cell: Cell) =>
  kernel(label, {
    read: { x: cell, dy: cell, moments: cell, gamma: cell, beta: cell },
    write: { partials: cell, dnormal: cell },
    params: walkParams,
    declarations: geluWgsl(cell),
    body: wgsl`${start}
    var sum = cell(0);
    var products = cell(0);
    for (var row = begin; row < end; row++) {
      let k = row * params.columns + column;
      let centred = (x[k] - shift) - offset;
      let gradient = dy[k] * gelu_slope(centred * scale + bias);
      dnormal[k] = gradient;
      sum += gradient;
      products += gradient * centred;
    }
    partials[2u * chunk * params.columns + column] = sum;
    partials[(2u * chunk + 1u) * params.columns + column] =
      products * moments[2u * params.columns + column];`,
  });

/** The gradient of the normalised x, and per chunk the sums of it and of it times x̂. */
export const batchNormGeluSums = gradientSums("batch_norm_gelu_sums", "quad");
export const batchNormGeluSumsScalar = gradientSums("batch_norm_gelu_sums_scalar", "scalar");

/** y from x and the moments. */
export function normalizeGelu(
  device: Device,
  views: Readonly<Record<"x" | "moments" | "gamma" | "beta" | "y", BufferView>>,
  size: BatchNormSize,
): void {
  const cut = cutIntoChunks(device, size, mappingLanes(device));
  (cut.vectorized ? batchNormGeluForward : batchNormGeluForwardScalar)(device, { ...views, ...cut.walk });
}

/** dgamma, dbeta, the coefficients, and `dnormal`, all of which `normalizeInputGrad` takes for dx, `dnormal` in place of dy. */
export function normalizeGeluAffineGrad(
  device: Device,
  views: AffineGradViews & Readonly<Record<"x" | "dy" | "beta" | "dnormal", BufferView>>,
  size: BatchNormSize & { readonly training: boolean },
): void {
  const { x, dy, moments, gamma, beta, dnormal } = views;
  mergeSums(device, views, size, (partials, cut) => {
    const run = cut.vectorized ? batchNormGeluSums : batchNormGeluSumsScalar;
    run(device, { x, dy, moments, gamma, beta, dnormal, partials, ...cut.walk });
  });
}
