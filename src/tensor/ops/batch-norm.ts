import {
  batchMoments,
  batchNormRunningMoments,
  momentsBytes,
  normalize,
  normalizeAffineGrad,
  normalizeInputGrad,
} from "../../kernels/batch-norm.ts";
import { formatShape } from "../shape.ts";
import { type GradientSink, record } from "../tape.ts";
import { emptyLike, type Tensor } from "../tensor.ts";
import { requireFloat } from "./check.ts";

export interface BatchNormOptions {
  /** `[C]`; in training it moves by `momentum` towards the batch's mean. */
  readonly runningMean: Tensor;
  /** `[C]`; in training it moves by `momentum` towards the batch's variance, unbiased by m / max(m - 1, 1). */
  readonly runningVar: Tensor;
  /** Normalise by the batch's statistics and move the running ones, or normalise by the running ones. */
  readonly training: boolean;
  /** The batch's share of the new running statistics, 0.1 by default (1 - Chainer's decay). */
  readonly momentum?: number;
  /** Added to the variance, 2e-5 by default as in Chainer. */
  readonly eps?: number;
}

/**
 * Batch normalization, `y = (x - mean) / sqrt(variance + eps) * gamma + beta`, with statistics over all axes but the last.
 *
 * The batch's variance is biased (divided by m) where it normalises. A batch of one row gives y = beta, as in Chainer.
 * In evaluation the gradient takes the statistics as constants.
 * Source: Ioffe, Szegedy, "Batch normalization", 2015; running statistics as Chainer's `BatchNormalization`.
 * @param x `[M, C]` or `[N, H, W, C]`
 * @param gamma `[C]`
 * @param beta `[C]`
 * @returns the shape of x
 * @throws Error if a shape doesn't fit x, or `eps` or `momentum` is out of range
 */
export function batchNorm(x: Tensor, gamma: Tensor, beta: Tensor, options: BatchNormOptions): Tensor {
  const { runningMean, runningVar, training, momentum = 0.1, eps = 2e-5 } = options;
  requireFloat("batchNorm", "x", x);
  if (x.shape.length !== 2 && x.shape.length !== 4) {
    throw new Error(`[batchNorm] 'x' must be [M, C] or [N, H, W, C], but got ${formatShape(x.shape)}`);
  }
  const channels = x.shape.at(-1) ?? 1;
  const perChannel = { gamma, beta, runningMean, runningVar };
  for (const [name, tensor] of Object.entries<Tensor | undefined>(perChannel)) {
    if (tensor?.shape.length === 1 && tensor.size === channels) continue;
    const got = tensor ? formatShape(tensor.shape) : "nothing";
    throw new Error(
      `[batchNorm] '${name}' must be [${channels}] to match the channels of x ${formatShape(x.shape)}, but got ${got}`,
    );
  }
  if (!(eps > 0)) throw new Error(`[batchNorm] 'eps' must be positive, but got ${eps}`);
  if (!(momentum >= 0 && momentum <= 1))
    throw new Error(`[batchNorm] 'momentum' must lie in 0 to 1, but got ${momentum}`);

  const { device, gpu } = x;
  const size = { rows: x.size / channels, channels };
  const moments = gpu.temporary([3, channels]);
  if (training) {
    batchMoments(device, { x, moments, runningMean, runningVar }, { ...size, momentum, eps });
    runningMean.storage.version += 1;
    runningVar.storage.version += 1;
  } else {
    batchNormRunningMoments(device, {
      running_mean: runningMean,
      running_var: runningVar,
      moments,
      n: channels,
      eps,
    });
  }
  const y = emptyLike(x);
  normalize(device, { x, moments, gamma, beta, y }, size);

  return record("batchNorm", y, [x, gamma, beta], {
    saves: [x, gamma],
    temporaries: [moments],
    backward: (dy, gradients) => {
      const coefficients = device.allocate(momentsBytes(channels), "batch norm coefficients");
      intoOrScratch(gradients, gamma, (dgamma) => {
        intoOrScratch(gradients, beta, (dbeta) => {
          const views = { x, dy, moments, gamma, dgamma, dbeta, coefficients };
          normalizeAffineGrad(device, views, { ...size, training });
        });
      });
      gradients.into(x, (dx) => normalizeInputGrad(device, { x, dy, moments, coefficients, dx }, size));
      device.release(coefficients);
    },
  });
}

/** A kernel that computes two gradients at once needs a place for each, also where one isn't wanted. */
function intoOrScratch(gradients: GradientSink, x: Tensor, launch: (dx: Tensor) => void): void {
  if (gradients.wants(x)) {
    gradients.into(x, launch);
    return;
  }
  const scratch = x.gpu.temporary(x.shape);
  launch(scratch);
  scratch.claim.release("batchNorm");
}
