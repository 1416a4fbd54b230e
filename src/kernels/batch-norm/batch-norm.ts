/**
 * Batch normalization over the rows of x `[rows, channels]`: y = (x - mean) / sqrt(variance + eps) * gamma + beta.
 *
 * Bound by memory, so x is read as seldom as possible: forward is one pass for the statistics (moments.ts) and one that
 * normalises, backward two (gradient.ts); what depends on the channel alone is computed between them.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { mappingLanes } from "../lanes.ts";
import { type BatchNormSize, type Cell, cutIntoChunks, walk, walkParams } from "./columns.ts";

const forward = (label: string, cell: Cell) =>
  kernel(label, {
    read: { x: cell, moments: cell, gamma: cell, beta: cell },
    write: { y: cell },
    params: walkParams,
    declarations: `alias cell = ${cell};`,
    body: wgsl`${walk}
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

/** y from x and the moments. */
export function normalize(
  device: Device,
  views: { x: BufferView; moments: BufferView; gamma: BufferView; beta: BufferView; y: BufferView },
  size: BatchNormSize,
): void {
  const cut = cutIntoChunks(device, size, mappingLanes(device));
  const run = cut.vectorized ? batchNormForward : batchNormForwardScalar;
  run(device, { ...views, ...cut.walk });
}
