/**
 * y = x with its axes permuted. Each output element gathers one input element by index arithmetic; where the last axis stays
 * last and holds whole vec4s (channels of NHWC), vec4s are moved. Elements are moved as words: read as floats, small integers would be
 * denormal numbers, which a GPU may take for 0.
 *
 * A tiled version for matrices, through workgroup memory, was left out: what training spends its time on takes transposed
 * operands as they are.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";
import { mergeDimensions, rowMajorStrides, walkOffsets, walkParams, walkParamTypes } from "./strides.ts";

function transposeKernel(element: "u32" | "vec4u") {
  return kernel(`transpose_${element}`, {
    read: { x: element },
    write: { y: element },
    params: { n: "u32", ...walkParamTypes("x") },
    body: wgsl`
      if (i >= params.n) { return; }
      ${walkOffsets("x")}
      y[i] = x[x_offset];`,
  });
}

export const transposeWords = transposeKernel("u32");
export const transposeQuads = transposeKernel("vec4u");

export interface Transpose {
  readonly x: BufferView;
  readonly y: BufferView;
  /** The shape of x. */
  readonly shape: readonly number[];
  /** Axis k of y is axis `permutation[k]` of x. */
  readonly permutation: readonly number[];
}

export function launchTranspose(device: Device, { x, y, shape, permutation }: Transpose): void {
  const channels = shape.at(-1) ?? 1;
  const byQuads = permutation.at(-1) === shape.length - 1 && channels % 4 === 0;
  const walked = byQuads ? [...shape.slice(0, -1), channels / 4] : shape;
  const strides = rowMajorStrides(walked);
  const walk = mergeDimensions("transpose", permuted(walked, permutation), [permuted(strides, permutation)]);
  const n = walked.reduce((product, extent) => product * extent, 1);
  (byQuads ? transposeQuads : transposeWords)(device, { x, y, n, ...walkParams(walk, "x") });
}

/** The values of the axes in their new order. */
export function permuted(list: readonly number[], permutation: readonly number[]): number[] {
  return permutation.map((axis) => list[axis] ?? 1);
}
