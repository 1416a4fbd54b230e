import { normalizeGelu } from "../../kernels/batch-norm/batch-norm-gelu.ts";
import { record } from "../tape.ts";
import { emptyLike, type Tensor } from "../tensor.ts";
import { type BatchNormOptions, batchNormBackward, checkBatchNorm, momentsOf } from "./batch-norm.ts";

/**
 * `gelu(batchNorm(x, gamma, beta))` in two passes over x instead of three, and two instead of three for its gradient.
 *
 * Values, statistics and special values are those of the two ops one after the other. Only x is kept for backward, which normalises it
 * again.
 * @param x `[M, C]` or `[N, H, W, C]`
 * @param gamma `[C]`
 * @param beta `[C]`
 * @returns the shape of x
 * @throws Error as `batchNorm` does
 */
export function batchNormGelu(x: Tensor, gamma: Tensor, beta: Tensor, options: BatchNormOptions): Tensor {
  const size = checkBatchNorm("batchNormGelu", x, gamma, beta, options);
  const moments = momentsOf(x, options, size);
  const y = emptyLike(x);
  normalizeGelu(x.device, { x, moments, gamma, beta, y }, size);
  return record("batchNormGelu", y, [x, gamma, beta], {
    saves: [x, gamma, beta],
    updates: [options.runningMean, options.runningVar],
    temporaries: [moments],
    backward: (dy, gradients) => {
      const tensors = { x, gamma, beta, dy, moments };
      batchNormBackward(gradients, tensors, { ...size, training: options.training }, "gelu");
    },
  });
}
