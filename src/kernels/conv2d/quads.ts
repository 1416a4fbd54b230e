/**
 * Channels as vec4s: tensors whose channels aren't a multiple of 4 are copied to ones that are, filled up with zeros, and back. What is copied is small:
 * images of three channels, and layers of odd sizes.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { padChannels, unpadChannels } from "./pack.ts";
import { type Conv2dShape, sizesOf } from "./shape.ts";

export const quadsOf = (channels: number) => Math.ceil(channels / 4);

/** Bytes of the copy that `withQuads` makes; 0 where it makes none. */
const paddedBytes = (rows: number, channels: number) =>
  channels % 4 === 0 ? 0 : rows * quadsOf(channels) * 16;

/** The same for a convolution's input. */
export const paddedInputBytes = ({ n, h, w, ci }: Conv2dShape): number => paddedBytes(n * h * w, ci);

/** Calls `use` with x as vec4s of channels: x itself, or a copy that is filled up with zeros. @param kept where the copy is to stay */
export function withQuads(
  device: Device,
  x: BufferView,
  rows: number,
  channels: number,
  use: (x: BufferView) => void,
  kept?: BufferView,
): void {
  if (channels % 4 === 0) {
    use(x);
    return;
  }
  const quads = quadsOf(channels);
  const padded = kept ?? device.allocate(paddedBytes(rows, channels), "conv2d padded channels");
  padChannels(device, { x, padded, n: rows * quads, channels, quads });
  use(padded);
  if (!kept) device.release(padded);
}

/** Calls `write` with a place for x as vec4s of channels: x itself, or one from which the channels are then copied. */
export function intoQuads(
  device: Device,
  x: BufferView,
  rows: number,
  channels: number,
  write: (x: BufferView) => void,
): void {
  const quads = quadsOf(channels);
  if (channels % 4 === 0) {
    write(x);
    return;
  }
  const padded = device.allocate(rows * quads * 16, "conv2d padded channels");
  write(padded);
  unpadChannels(device, { padded, x, n: rows * channels, channels, quads });
  device.release(padded);
}

/** As `intoQuads`, for a filter gradient: the kernel also writes the output channels that fill up Co to a multiple of 4. */
export function intoWeights(
  device: Device,
  dweight: BufferView,
  shape: Conv2dShape,
  write: (dweight: BufferView) => void,
): void {
  const { ci, co, kh, kw } = shape;
  if (ci % 4 === 0 && co % 4 === 0) {
    write(dweight);
    return;
  }
  const quads = quadsOf(ci);
  const padded = device.allocate(4 * quadsOf(co) * kh * kw * quads * 16, "conv2d padded filter gradient");
  write(padded);
  unpadChannels(device, { padded, x: dweight, n: sizesOf(shape).weight, channels: ci, quads });
  device.release(padded);
}
