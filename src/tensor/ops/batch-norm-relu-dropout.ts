import { normalizeReluDropout } from "../../kernels/batch-norm/batch-norm-relu-dropout.ts";
import { gateWords } from "../../kernels/batch-norm/gate.ts";
import type { Rng } from "../rng.ts";
import { record } from "../tape.ts";
import { emptyLike, type Tensor } from "../tensor.ts";
import { type BatchNormOptions, batchNormBackward, checkBatchNorm, momentsOf } from "./batch-norm.ts";
import { drawTicket } from "./dropout.ts";

/** What `batchNormReluDropout` takes beside x, gamma and beta. */
export interface BatchNormReluDropoutOptions extends BatchNormOptions {
  /** The probability that an element is dropped in training, 0 <= rate < 1; 0 by default, which makes it `relu(batchNorm(x))`. */
  readonly rate?: number;
  /** Where the mask comes from: `gpu.rng(seed)`. Needed in training at a rate above 0. */
  readonly rng?: Rng | undefined;
}

/**
 * `dropout(relu(batchNorm(x, gamma, beta)))` in two passes over x instead of four, and two instead of four for its gradient.
 *
 * Values, statistics, special values and the stream's draws are those of the three ops one after the other. Forward keeps one
 * bit an element for backward: whether it came through ReLU and dropout.
 * @param x `[M, C]` or `[N, H, W, C]`
 * @param gamma `[C]`
 * @param beta `[C]`
 * @returns the shape of x
 * @throws Error as `batchNorm` and `dropout` do
 */
export function batchNormReluDropout(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  options: BatchNormReluDropoutOptions,
): Tensor {
  const { training, rate = 0, rng } = options;
  const size = checkBatchNorm("batchNormReluDropout", x, gamma, beta, options);
  const ticket = drawTicket("batchNormReluDropout", { rate, training, rng });
  const moments = momentsOf(x, options, size);
  const y = emptyLike(x);
  const gate = x.gpu.temporary([gateWords(size)], "u32");
  normalizeReluDropout(x.device, { x, moments, gamma, beta, y, gate }, size, ticket && { rate, ticket });
  ticket?.claim.release("batchNormReluDropout");
  const scale = ticket ? 1 / (1 - rate) : 1;
  return record("batchNormReluDropout", y, [x, gamma, beta], {
    saves: [x, gamma],
    updates: [options.runningMean, options.runningVar],
    temporaries: [moments, gate],
    backward: (dy, gradients) => {
      const tensors = { x, gamma, beta, dy, moments };
      batchNormBackward(gradients, tensors, { ...size, training }, { gate, scale });
    },
  });
}
