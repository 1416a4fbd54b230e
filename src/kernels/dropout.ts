/**
 * Inverted dropout: y = x / (1 - rate) where an element is kept, otherwise 0.
 *
 * The same kernel is its own gradient: the mask is a function of the ticket and the element's index, so nothing is stored
 * between forward and backward. One Philox call serves a vec4 (counter: quad, 0, draw; key: seed), which costs about as much as
 * loading and storing the vec4 on a software adapter. A lane takes every `lanes`-th quad (see lanes.ts). Words are compared as integers: the rate is exact to 2^-32, and what is
 * dropped is 0 even where x is NaN or Inf.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";
import { lanesWanted } from "./lanes.ts";
import { philoxWgsl } from "./philox.ts";

export const dropoutMask = kernel("dropout_mask", {
  read: { x: "quad", ticket: "vec4u" },
  write: { y: "quad" },
  params: { n: "u32", lanes: "u32", threshold: "u32", scale: "f32" },
  threads: ({ lanes }) => lanes,
  declarations: philoxWgsl,
  body: wgsl`
    if (i >= params.lanes) { return; }
    let draw = ticket[0];
    for (var k = i; k < params.n; k += params.lanes) {
      let words = philox(vec4u(k, 0u, draw.z, draw.w), draw.xy);
      y[k] = select(quad(0), x[k] * params.scale, words >= vec4u(params.threshold));
    }`,
});

/** Masks `count` elements of x into y. `ticket` comes from a random stream. */
export function applyDropout(
  device: Device,
  views: { x: BufferView; ticket: BufferView; y: BufferView },
  { count, rate }: { readonly count: number; readonly rate: number },
): void {
  const n = Math.ceil(count / 4);
  dropoutMask(device, {
    ...views,
    n,
    lanes: Math.min(n, lanesWanted(device)),
    threshold: dropoutThreshold(rate),
    scale: 1 / (1 - rate),
  });
}

/** A word below this drops its element. */
export function dropoutThreshold(rate: number): number {
  return Math.min(Math.round(rate * 2 ** 32), 2 ** 32 - 1);
}
