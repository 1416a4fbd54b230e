/**
 * A gate: one bit an element, set where ReLU and dropout let it through. It stands for both of their gradients, which is dy times
 * dropout's scale behind an open gate and 0 behind a closed one.
 *
 * Forward knows the bits; backward would have to read y (a load an element, 9.5 instructions a float on a software adapter) or to
 * normalise x and draw the mask again. A word holds eight rows of a column: 1/32 of y where channels come in fours.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import { wgsl } from "../../gpu/kernel.ts";
import type { MaxPoolSize } from "../max-pool.ts";
import type { BatchNormSize, Cell } from "./columns.ts";

/** Dropout's scale and the bits that forward wrote. */
export interface Gate {
  readonly gate: BufferView;
  readonly scale: number;
}

/** A max-pool behind ReLU, and the places of its maxima: see pooled.ts. */
export interface PooledGate {
  readonly gate: BufferView;
  readonly pool: MaxPoolSize;
}

/** u32 words that hold the gate. */
export function gateWords({ rows, channels }: BatchNormSize): number {
  return Math.ceil(rows / 8) * (channels % 4 === 0 ? channels / 4 : channels);
}

/** `bits`: the words of a column's cells. `pack` makes one of them, `passed` lets a gradient through. */
export const gates: Readonly<Record<Cell, string>> = {
  quad: wgsl`
    alias bits = vec4u;
    fn pack(open: bits) -> u32 { return (open.x | (open.y << 1u)) | ((open.z << 2u) | (open.w << 3u)); }
    fn passed(gradient: quad, word: u32) -> quad {
      return select(quad(0), gradient, (vec4u(word) & vec4u(1u, 2u, 4u, 8u)) != vec4u(0u));
    }`,
  scalar: wgsl`
    alias bits = u32;
    fn pack(open: bits) -> u32 { return open; }
    fn passed(gradient: scalar, word: u32) -> scalar { return select(scalar(0), gradient, (word & 1u) != 0u); }`,
};

/** The word of the rows from `eight` on. */
export const gateAt = wgsl`gate[(eight / 8u) * params.columns + column]`;
