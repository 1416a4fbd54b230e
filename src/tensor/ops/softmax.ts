import { softmaxes } from "../../kernels/softmax.ts";
import { record } from "../tape.ts";
import { emptyLike, type Tensor } from "../tensor.ts";
import { requireFloat } from "./check.ts";

/**
 * Softmax over the last axis, `y = e^x / sum(e^x)`, right at any size of x. A row with NaN or Infinity becomes NaN.
 *
 * Gradient: `dx = y (dy - sum(dy y))`. For a loss on logits take `softmaxCrossEntropy`.
 * @param x `[..., C]`, f32
 * @returns the same shape
 * @throws Error if x isn't f32 or has no axis
 */
export function softmax(x: Tensor): Tensor {
  return overLastAxis("softmax", x);
}

/**
 * Logarithm of `softmax` over the last axis, `y = x - ln(sum(e^x))`, accurate where softmax itself is 0 or 1. Arguments, result and errors
 * as `softmax`.
 *
 * Gradient: `dx = dy - e^y sum(dy)`.
 */
export function logSoftmax(x: Tensor): Tensor {
  return overLastAxis("logSoftmax", x);
}

function overLastAxis(op: keyof typeof softmaxes, x: Tensor): Tensor {
  requireFloat(op, "x", x);
  const classes = x.shape.at(-1);
  if (classes === undefined) {
    throw new Error(`[${op}] 'x' must have an axis, but got a scalar; reshape it to [1]`);
  }
  const { forward, backward } = softmaxes[op];
  const size = { rows: x.size / classes, classes };
  const y = emptyLike(x);
  forward(x.device, { x, y, ...size });
  return record(op, y, [x], {
    saves: [y],
    backward: (dy, gradients) => gradients.into(x, (dx) => backward(x.device, { y, dy, dx, ...size })),
  });
}
