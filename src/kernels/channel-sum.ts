/**
 * y[channel] = sum over rows of x[rows, channels]: the gradient of a bias, and the second stage of sums that are computed in parts.
 *
 * A thread adds up a chunk of rows of one channel (of four where channels are a multiple of 4); neighbouring threads read
 * neighbouring channels. About sqrt(rows) rows a chunk, so that neither stage is a long chain: float32 stays accurate and no
 * dispatch runs into a watchdog. The order is fixed.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";

const channelSumOf = (label: string, element: "scalar" | "quad") =>
  kernel(label, {
    read: { x: element },
    write: { y: element },
    params: { n: "u32", rows: "u32", width: "u32", chunk: "u32" }, // n: sums of chunks; width: elements of a row
    body: wgsl`
    if (i >= params.n) { return; }
    let first = (i / params.width) * params.chunk;
    let end = min(first + params.chunk, params.rows);
    let column = i % params.width;
    var sum = ${element}(0);
    for (var row = first; row < end; row++) { sum += x[row * params.width + column]; }
    y[i] = sum;`,
  });

export const channelSumScalars = channelSumOf("channel_sum_scalars", "scalar");
export const channelSumQuads = channelSumOf("channel_sum_quads", "quad");

export interface ChannelSumArguments {
  /** `[rows, channels]`. */
  readonly x: BufferView;
  /** `[channels]`, overwritten. */
  readonly y: BufferView;
  readonly rows: number;
  readonly channels: number;
}

const smallestChunk = 64;

/** Encodes y = sum of x's rows: one launch, or two where there are many rows. */
export function channelSum(device: Device, { x, y, rows, channels }: ChannelSumArguments): void {
  const isQuads = channels % 4 === 0;
  const launch = isQuads ? channelSumQuads : channelSumScalars;
  const width = isQuads ? channels / 4 : channels;
  const chunk = Math.max(smallestChunk, Math.ceil(Math.sqrt(rows)));
  const chunks = Math.ceil(rows / chunk);
  if (chunks === 1) {
    launch(device, { x, y, n: width, rows, width, chunk: rows });
    return;
  }
  const parts = device.allocate(chunks * channels * 4, "channel_sum parts");
  launch(device, { x, y: parts, n: chunks * width, rows, width, chunk });
  launch(device, { x: parts, y, n: width, rows: chunks, width, chunk: chunks });
  device.release(parts);
}

/** Calls `write` with a place for `parts` parts of y, one after the other, and adds them up; with y itself if there is one part. */
export function inParts(
  device: Device,
  y: BufferView,
  elements: number,
  parts: number,
  write: (y: BufferView) => void,
): void {
  if (parts === 1) {
    write(y);
    return;
  }
  const x = device.allocate(parts * elements * 4, "parts");
  write(x);
  channelSum(device, { x, y, rows: parts, channels: elements });
  device.release(x);
}
