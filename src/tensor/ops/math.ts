/** Elementwise functions of one tensor. */
import { launchBinary } from "../../kernels/binary.ts";
import { largestExponent, launchPow, launchPowGradient } from "../../kernels/pow.ts";
import {
  expForward,
  logForward,
  negForward,
  specialBits,
  sqrtBackward,
  sqrtForward,
} from "../../kernels/unary.ts";
import { record } from "../tape.ts";
import { emptyLike, quads, type Tensor } from "../tensor.ts";
import { requireFloat } from "./check.ts";

/**
 * `y = -x`. Gradient: `dx = -dy`.
 * @param x any shape, f32
 * @returns the same shape
 */
export function neg(x: Tensor): Tensor {
  requireFloat("neg", "x", x);
  const y = emptyLike(x);
  const n = quads(x);
  negForward(x.device, { x, y, n });
  return record("neg", y, [x], {
    backward: (dy, gradients) => gradients.into(x, (dx) => negForward(x.device, { x: dy, y: dx, n })),
  });
}

/**
 * `y = e^x`. Gradient: `dx = y dy`.
 * @param x any shape, f32
 * @returns the same shape
 */
export function exp(x: Tensor): Tensor {
  requireFloat("exp", "x", x);
  const y = emptyLike(x);
  expForward(x.device, { x, y, n: quads(x) });
  return record("exp", y, [x], {
    saves: [y],
    backward: (dy, gradients) => gradients.into(x, (dx) => launchBinary(x.device, "mul", dy, y, dx)),
  });
}

/**
 * Natural logarithm, `y = ln x`: -Infinity at 0, NaN below. Gradient: `dx = dy / x`.
 * @param x any shape, f32
 * @returns the same shape
 */
export function log(x: Tensor): Tensor {
  requireFloat("log", "x", x);
  const y = emptyLike(x);
  logForward(x.device, { x, y, n: quads(x), ...specialBits });
  return record("log", y, [x], {
    saves: [x],
    backward: (dy, gradients) => gradients.into(x, (dx) => launchBinary(x.device, "div", dy, x, dx)),
  });
}

/**
 * Square root, NaN below 0. Gradient: `dx = dy / (2 y)`, infinite at 0.
 * @param x any shape, f32
 * @returns the same shape
 */
export function sqrt(x: Tensor): Tensor {
  requireFloat("sqrt", "x", x);
  const y = emptyLike(x);
  const n = quads(x);
  sqrtForward(x.device, { x, y, n, ...specialBits });
  return record("sqrt", y, [x], {
    saves: [y],
    backward: (dy, gradients) => gradients.into(x, (dx) => sqrtBackward(x.device, { y, dy, dx, n })),
  });
}

/**
 * Power, `y = x^exponent`, as IEEE says: negative x has powers with whole exponents, otherwise NaN; `x^0` is 1, also at 0;
 * 0 to a negative exponent is infinite.
 *
 * Gradient: `dx = exponent x^(exponent - 1) dy`, 0 for the exponent 0.
 * @param x any shape, f32
 * @param exponent finite, its magnitude below 2^31
 * @returns the same shape
 * @throws Error for any other exponent
 */
export function pow(x: Tensor, exponent: number): Tensor {
  requireFloat("pow", "x", x);
  if (!(Math.abs(exponent) < largestExponent)) {
    throw new Error(`[pow] 'exponent' must be a number of magnitude below 2^31, but got ${exponent}`);
  }
  const y = emptyLike(x);
  const n = quads(x);
  launchPow(x.device, { x, y, n, exponent });
  return record("pow", y, [x], {
    saves: [x],
    backward: (dy, gradients) =>
      gradients.into(x, (dx) => launchPowGradient(x.device, { x, dy, dx, n, exponent })),
  });
}
