import { applyDropout } from "../../kernels/dropout.ts";
import { requireOptions } from "../kind.ts";
import type { Rng } from "../rng.ts";
import { record } from "../tape.ts";
import { emptyLike, type Tensor } from "../tensor.ts";
import { requireFloat } from "./check.ts";

/** What `dropout` takes beside x. */
export interface DropoutOptions {
  /** The probability that an element is dropped, 0 <= rate < 1. */
  readonly rate: number;
  readonly training: boolean;
  /** Where the mask comes from: `gpu.rng(seed)`. Needed in training only. */
  readonly rng?: Rng | undefined;
}

/**
 * Inverted dropout, `y = x / (1 - rate)` where an element is kept, otherwise 0: the expected value stays.
 *
 * Each call in training takes one draw of the stream; backward computes the mask again from it. With `training: false` or rate
 * 0 it returns x itself and draws nothing. A rate of 1 is an error: the scale would be infinite, and nothing would be learnt.
 * Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
 * @param x any shape
 * @returns the same shape
 * @throws Error if `rate` is out of range, or in training without `rng`
 */
export function dropout(x: Tensor, options: DropoutOptions): Tensor {
  requireFloat("dropout", "x", x);
  requireOptions("dropout", options);
  const ticket = drawTicket("dropout", options);
  if (!ticket) return x;
  const { rate } = options;
  const y = emptyLike(x);
  const size = { count: x.size, rate };
  applyDropout(x.device, { x, ticket, y }, size);
  return record("dropout", y, [x], {
    temporaries: [ticket],
    backward: (dy, gradients) =>
      gradients.into(x, (dx) => applyDropout(x.device, { x: dy, ticket, y: dx }, size)),
  });
}

/** The next draw of the stream, or nothing where nothing is to be dropped. @internal @throws Error as `dropout` says */
export function drawTicket(op: string, { rate, training, rng }: DropoutOptions): Tensor | undefined {
  if (!(rate >= 0 && rate < 1)) {
    throw new Error(`[${op}] 'rate' must be at least 0 and below 1, but got ${rate}`);
  }
  if (!training || rate === 0) return undefined;
  if (rng) return rng.draw();
  throw new Error(
    `[${op}] 'rng' is needed in training; make one with gpu.rng(seed) and use it for all layers`,
  );
}
