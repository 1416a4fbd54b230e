/** Pointwise functions with a gradient: any shape in, the same shape out, f32. NaN stays NaN. */
import { type Activation, activations } from "../../kernels/activations.ts";
import { requireOptions } from "../kind.ts";
import { record } from "../tape.ts";
import { emptyLike, quads, type Tensor } from "../tensor.ts";
import { requireFloat } from "./check.ts";

/** What `leakyRelu` takes. */
export interface LeakyReluOptions {
  /** What negative x are multiplied by, 0.01 by default. */
  readonly slope?: number;
}

/**
 * Leaky rectified linear unit, `y = x` where x > 0, elsewhere `slope x`.
 *
 * Gradient: `dx = dy` where x > 0, elsewhere `slope dy`, also at 0 and NaN as in PyTorch.
 * @param x any shape, f32
 * @returns the same shape
 * @throws Error if x isn't f32 or the slope isn't finite
 */
export function leakyRelu(x: Tensor, options: LeakyReluOptions = {}): Tensor {
  requireOptions("leakyRelu", options);
  const { slope = 0.01 } = options;
  if (!Number.isFinite(slope))
    throw new Error(`[leakyRelu] 'slope' must be a finite number, but got ${slope}`);
  return pointwise("leakyRelu", x, activations.leakyRelu, { slope });
}

/**
 * Logistic function, `y = 1 / (1 + e^-x)`. Gradient: `dx = y (1 - y) dy`.
 * @param x any shape, f32
 * @returns the same shape
 */
export function sigmoid(x: Tensor): Tensor {
  return pointwise("sigmoid", x, activations.sigmoid, {});
}

/**
 * Sigmoid linear unit (swish), `y = x σ(x)` with `σ(x) = 1 / (1 + e^-x)`.
 *
 * Gradient: `dx = σ(x) (1 + x (1 - σ(x))) dy`. At -Infinity both take their limit, 0, where PyTorch's formulas give NaN.
 * @param x any shape, f32
 * @returns the same shape
 */
export function silu(x: Tensor): Tensor {
  return pointwise("silu", x, activations.silu, {});
}

/**
 * Hyperbolic tangent. Gradient: `dx = (1 - y²) dy`.
 * @param x any shape, f32
 * @returns the same shape
 */
export function tanh(x: Tensor): Tensor {
  return pointwise("tanh", x, activations.tanh, {});
}

/** The bounds of `clamp`. */
export interface ClampOptions {
  /** The least y; none by default. */
  readonly min?: number;
  /** The largest y; none by default. */
  readonly max?: number;
}

/**
 * `y = min(max(x, options.min), options.max)`.
 *
 * Gradient: `dx = dy` where x lies within the bounds or on one, elsewhere 0, as in PyTorch.
 * @param x any shape, f32
 * @returns the same shape
 * @throws Error unless there's a bound, and `min <= max`
 */
export function clamp(x: Tensor, { min, max }: ClampOptions): Tensor {
  const [low, high] = [min ?? Number.NEGATIVE_INFINITY, max ?? Number.POSITIVE_INFINITY];
  if (min === undefined && max === undefined)
    throw new Error("[clamp] needs 'min', 'max' or both, but got neither");
  if (!(low <= high)) throw new Error(`[clamp] 'min' must not be above 'max', but got ${low} and ${high}`);
  return pointwise("clamp", x, activations.clamp, { low, high });
}

function pointwise<P>(op: string, x: Tensor, { saves, forward, backward }: Activation<P>, params: P): Tensor {
  requireFloat(op, "x", x);
  const y = emptyLike(x);
  const n = quads(x);
  forward(x.device, { x, y, n, ...params });
  const saved = saves === "x" ? x : y;
  return record(op, y, [x], {
    saves: [saved],
    backward: (dy, gradients) =>
      gradients.into(x, (dx) => backward(x.device, { saved, dy, dx, n, ...params })),
  });
}
