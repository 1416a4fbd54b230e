import type { Device } from "../../gpu/device.ts";
import { normalizeReluDropout } from "../../kernels/batch-norm/batch-norm-relu-dropout.ts";
import { gateWords } from "../../kernels/batch-norm/gate.ts";
import { usesSubgroups } from "../../kernels/configuration.ts";
import { softwareKernels } from "../../kernels/loading.ts";
import { type MaxPoolSize, maxPoolIndexWords } from "../../kernels/max-pool.ts";
import type { Rng } from "../rng.ts";
import { record } from "../tape.ts";
import { emptyLike, type Tensor } from "../tensor.ts";
import { type BatchNormOptions, batchNormBackward, checkBatchNorm, momentsOf } from "./batch-norm.ts";
import { drawTicket } from "./dropout.ts";
import { type MaxPool2dOptions, maxPool2d, pooledShape } from "./max-pool2d.ts";
import { poolOf } from "./windows.ts";

/** What `batchNormReluDropout` takes beside x, gamma and beta. */
export interface BatchNormReluDropoutOptions extends BatchNormOptions {
  /** The probability that an element is dropped in training, 0 <= rate < 1; 0 by default, which makes it `relu(batchNorm(x))`. */
  readonly rate?: number;
  /** Where the mask comes from: `gpu.rng(seed)`. Needed in training at a rate above 0. */
  readonly rng?: Rng | undefined;
  /** A max-pool that follows: `maxPool2d` of the result. Windows of 2 without dropout take the same passes on software Vulkan. */
  readonly pool?: MaxPool2dOptions | undefined;
}

/**
 * `dropout(relu(batchNorm(x, gamma, beta)))`, and perhaps a max-pool of that, in two passes over x instead of four, and two instead of four for its gradient.
 *
 * Values, statistics, special values and the stream's draws are those of the ops one after the other; but with a pool in the same passes, in evaluation, an infinity
 * that ReLU stops makes no NaN of gamma's gradient, and of x's only its own. Forward keeps one bit an element for backward: whether it came through ReLU and dropout; or a byte a
 * window: where its maximum was.
 * @param x `[M, C]` or `[N, H, W, C]`
 * @param gamma `[C]`
 * @param beta `[C]`
 * @returns the shape of x, or what the max-pool makes of it
 * @throws Error as `batchNorm`, `dropout` and `maxPool2d` do
 */
export function batchNormReluDropout(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  options: BatchNormReluDropoutOptions,
): Tensor {
  const { training, rate = 0, rng } = options;
  const { device, gpu } = x;
  const size = checkBatchNorm("batchNormReluDropout", x, gamma, beta, options);
  const pool = options.pool && poolOf("batchNormReluDropout pool", x, options.pool);
  if (pool && ((training && rate !== 0) || !poolsInOnePass(device, pool)))
    return maxPool2d(batchNormReluDropout(x, gamma, beta, { ...options, pool: undefined }), options.pool);
  const ticket = drawTicket("batchNormReluDropout", { rate, training, rng });
  const moments = momentsOf(x, options, size);
  const y = pool ? gpu.empty(pooledShape(pool)) : emptyLike(x);
  const gate = gpu.temporary([pool ? maxPoolIndexWords(pool) : gateWords(size)], "u32");
  const views = { x, moments, gamma, beta, y, gate };
  if (pool) softwareKernels().normalizeReluPool(device, views, pool);
  else normalizeReluDropout(device, views, size, ticket && { rate, ticket });
  ticket?.claim.release("batchNormReluDropout");
  const scale = ticket ? 1 / (1 - rate) : 1;
  return record("batchNormReluDropout", y, [x, gamma, beta], {
    saves: [x, gamma],
    updates: [options.runningMean, options.runningVar],
    temporaries: [moments, gate],
    backward: (dy, gradients) => {
      const tensors = { x, gamma, beta, dy, moments };
      const then = pool ? { gate, pool } : { gate, scale };
      batchNormBackward(gradients, tensors, { ...size, training }, then);
    },
  });
}

const poolsInOnePass = (device: Device, pool: MaxPoolSize) =>
  usesSubgroups(device) && softwareKernels().suitsPooled(pool);
