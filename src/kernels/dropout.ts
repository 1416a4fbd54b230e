/**
 * Inverted dropout: y = x / (1 - rate) where an element is kept, otherwise 0.
 *
 * The same kernel is its own gradient: the mask is a function of the ticket and the element's index, so nothing is stored
 * between forward and backward. One Philox call serves a vec4 (counter: quad, 0, draw; key: seed), which costs about as much as
 * loading and storing the vec4 on a software adapter. Words are compared as integers: the rate is exact to 2^-32, and what is
 * dropped is 0 even where x is NaN or Inf.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";
import { philoxWgsl } from "./philox.ts";

export const dropoutMask = kernel("dropout_mask", {
  read: { x: "quad", ticket: "vec4u" },
  write: { y: "quad" },
  params: { n: "u32", threshold: "u32", scale: "f32" },
  declarations: philoxWgsl,
  elementwise: true,
  setup: "let draw = ticket[0];",
  body: wgsl`
    let words = philox(vec4u(i, 0u, draw.zw), draw.xy);
    y[i] = select(quad(0), x[i] * params.scale, words >= vec4u(params.threshold));`,
});

/** Masks `count` elements of x into y. `ticket` comes from a random stream. */
export function applyDropout(
  device: Device,
  views: { x: BufferView; ticket: BufferView; y: BufferView },
  { count, rate }: { readonly count: number; readonly rate: number },
): void {
  const n = Math.ceil(count / 4);
  dropoutMask(device, { ...views, n, threshold: dropoutThreshold(rate), scale: 1 / (1 - rate) });
}

/** A word below this drops its element. */
export function dropoutThreshold(rate: number): number {
  return Math.min(Math.round(rate * 2 ** 32), 2 ** 32 - 1);
}
