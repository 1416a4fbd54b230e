/**
 * Copies a box of a larger tensor out, or puts one in: what slicing, joining and padding do, each the other's gradient.
 *
 * The smaller side is contiguous and the larger one walked by strides from the box's first element, so a copy along few axes is a walk
 * over few dimensions. Elements are moved as words, whatever they are; as vec4s where the last axis allows it.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";
import { mergeDimensions, rowMajorStrides, walkOffsets, walkParams, walkParamTypes } from "./strides.ts";

const params = { n: "u32", base: "u32", ...walkParamTypes("whole") } as const;

const takeKernel = (element: "u32" | "vec4u") =>
  kernel(`take_box_${element}`, {
    read: { whole: element },
    write: { box: element },
    params,
    elementwise: true,
    body: wgsl`${walkOffsets("whole")}
    box[i] = whole[params.base + whole_offset];`,
  });

const putKernel = (element: "u32" | "vec4u") =>
  kernel(`put_box_${element}`, {
    read: { box: element },
    update: { whole: element },
    params,
    elementwise: true,
    body: wgsl`${walkOffsets("whole")}
    whole[params.base + whole_offset] = box[i];`,
  });

export const takeWords = takeKernel("u32");
export const takeQuads = takeKernel("vec4u");
export const putWords = putKernel("u32");
export const putQuads = putKernel("vec4u");

export interface Box {
  readonly whole: BufferView;
  readonly box: BufferView;
  /** The shape of the whole. */
  readonly shape: readonly number[];
  /** Where in it the box begins, an index an axis. */
  readonly start: readonly number[];
  /** The shape of the box. */
  readonly size: readonly number[];
}

/** box = that part of the whole. */
export function takeBox(device: Device, args: Box): void {
  launch(device, args, takeWords, takeQuads);
}

/** That part of the whole = box; the rest stays as it is. */
export function putBox(device: Device, args: Box): void {
  launch(device, args, putWords, putQuads);
}

function launch(
  device: Device,
  { whole, box, shape, start, size }: Box,
  words: typeof takeWords,
  quads: typeof takeWords,
): void {
  const byQuads = [shape, start, size].every((list) => (list.at(-1) ?? 1) % 4 === 0);
  const width = byQuads ? 4 : 1;
  const inCells = (list: readonly number[]) =>
    list.map((v, axis) => (axis === list.length - 1 ? v / width : v));
  const strides = rowMajorStrides(inCells(shape));
  const base = inCells(start).reduce((sum, at, axis) => sum + at * (strides[axis] ?? 0), 0);
  const walk = mergeDimensions("copy", inCells(size), [strides]);
  const n = size.reduce((product, extent) => product * extent, 1) / width;
  (byQuads ? quads : words)(device, { whole, box, n, base, ...walkParams(walk, "whole") });
}
