import { normalize } from "../../kernels/batch-norm/batch-norm.ts";
import { normalizeGeluAffineGrad } from "../../kernels/batch-norm/batch-norm-gelu.ts";
import type { BatchNormSize } from "../../kernels/batch-norm/columns.ts";
import type { Gate, PooledGate } from "../../kernels/batch-norm/gate.ts";
import { normalizeAffineGrad, normalizeInputGrad } from "../../kernels/batch-norm/gradient.ts";
import { batchMoments, momentsBytes, runningAsMoments } from "../../kernels/batch-norm/moments.ts";
import { softwareKernels } from "../../kernels/loading.ts";
import { formatShape } from "../shape.ts";
import { type GradientSink, record } from "../tape.ts";
import { emptyLike, type Tensor } from "../tensor.ts";
import { requireFloat } from "./check.ts";

const defaultMomentum = 0.1;
const defaultEps = 2e-5;

/** What `batchNorm` takes beside x, gamma and beta. */
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
 * @throws Error if a shape doesn't fit x, a tensor isn't f32, or `eps` or `momentum` is out of range
 */
export function batchNorm(x: Tensor, gamma: Tensor, beta: Tensor, options: BatchNormOptions): Tensor {
  const size = checkBatchNorm("batchNorm", x, gamma, beta, options);
  const moments = momentsOf(x, options, size);
  const y = emptyLike(x);
  normalize(x.device, { x, moments, gamma, beta, y }, size);
  return record("batchNorm", y, [x, gamma, beta], {
    saves: [x, gamma],
    updates: [options.runningMean, options.runningVar],
    temporaries: [moments],
    backward: (dy, gradients) => {
      batchNormBackward(gradients, { x, gamma, beta, dy, moments }, { ...size, training: options.training });
    },
  });
}

/** Checks what batch normalization is given. @internal @throws Error as `batchNorm` says */
export function checkBatchNorm(
  op: string,
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  { runningMean, runningVar, momentum = defaultMomentum, eps = defaultEps }: BatchNormOptions,
): BatchNormSize {
  requireFloat(op, "x", x);
  if (x.shape.length !== 2 && x.shape.length !== 4) {
    throw new Error(`[${op}] 'x' must be [M, C] or [N, H, W, C], but got ${formatShape(x.shape)}`);
  }
  const channels = x.shape.at(-1) ?? 1;
  const perChannel = { gamma, beta, runningMean, runningVar };
  for (const [name, tensor] of Object.entries<Tensor | undefined>(perChannel)) {
    if (tensor?.shape.length === 1 && tensor.size === channels) {
      requireFloat(op, name, tensor);
      continue;
    }
    const got = tensor ? formatShape(tensor.shape) : "nothing";
    throw new Error(
      `[${op}] '${name}' must be [${channels}] to match the channels of x ${formatShape(x.shape)}, but got ${got}`,
    );
  }
  if (!(eps > 0)) throw new Error(`[${op}] 'eps' must be positive, but got ${eps}`);
  if (!(momentum >= 0 && momentum <= 1))
    throw new Error(`[${op}] 'momentum' must lie in 0 to 1, but got ${momentum}`);
  return { rows: x.size / channels, channels };
}

/** The moments that normalise x, as a temporary. In training the running ones move. @internal */
export function momentsOf(x: Tensor, options: BatchNormOptions, size: BatchNormSize): Tensor {
  const { runningMean, runningVar, training, momentum = defaultMomentum, eps = defaultEps } = options;
  const { channels } = size;
  const moments = x.gpu.temporary([3, channels]);
  if (training) {
    batchMoments(x.device, { x, moments, runningMean, runningVar }, { ...size, momentum, eps });
    runningMean.storage.version += 1;
    runningVar.storage.version += 1;
  } else {
    runningAsMoments(x.device, { moments, runningMean, runningVar }, channels, eps);
  }
  return moments;
}

/** The gradients of x, gamma and beta, where y went on through a gate or through GELU if `then` says so. @internal */
export function batchNormBackward(
  gradients: GradientSink,
  tensors: Readonly<Record<"x" | "gamma" | "beta" | "dy" | "moments", Tensor>>,
  size: BatchNormSize & { readonly training: boolean },
  then?: Gate | PooledGate | "gelu",
): void {
  const { x, gamma, beta, dy, moments } = tensors;
  const { device } = x;
  const gate = typeof then === "object" && "scale" in then ? then : undefined;
  const pooled = typeof then === "object" && "pool" in then ? then : undefined;
  const dnormal = then === "gelu" ? device.allocate(x.byteLength, "gradient of the normalised x") : undefined;
  const coefficients = device.allocate(momentsBytes(size.channels), "batch norm coefficients");
  intoOrScratch(gradients, gamma, (dgamma) => {
    intoOrScratch(gradients, beta, (dbeta) => {
      const views = { x, dy, moments, gamma, dgamma, dbeta, coefficients };
      if (dnormal) normalizeGeluAffineGrad(device, { ...views, beta, dnormal }, size);
      else if (pooled) softwareKernels().pooledAffineGrad(device, { ...views, ...pooled }, size, pooled.pool);
      else normalizeAffineGrad(device, views, size, gate);
    });
  });
  const incoming = { x, dy: dnormal ?? dy, moments, coefficients };
  gradients.into(x, (dx) => {
    if (pooled) softwareKernels().pooledInputGrad(device, { ...incoming, ...pooled, dx }, pooled.pool);
    else normalizeInputGrad(device, { ...incoming, dx }, size, gate);
  });
  device.release(coefficients);
  if (dnormal) device.release(dnormal);
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
