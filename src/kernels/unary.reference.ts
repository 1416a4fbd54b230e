/** Elementwise functions in float64; JavaScript's own give NaN and infinities as IEEE says. */

export const unaryReferences = {
  /** `-x`. */
  neg: (x: ArrayLike<number>) => Float64Array.from(x, (value) => -value),
  /** `e^x`. */
  exp: (x: ArrayLike<number>) => Float64Array.from(x, Math.exp),
  /** The natural logarithm. */
  log: (x: ArrayLike<number>) => Float64Array.from(x, Math.log),
  /** The root; NaN below 0. */
  sqrt: (x: ArrayLike<number>) => Float64Array.from(x, Math.sqrt),
};

/** dx of y and dy. */
export function sqrtBackwardReference(y: ArrayLike<number>, dy: ArrayLike<number>): Float64Array {
  return Float64Array.from(dy, (gradient, k) => gradient / (2 * (y[k] ?? 0)));
}

/** `x^exponent`, NaN for fractional powers of negative numbers. */
export function powReference(x: ArrayLike<number>, exponent: number): Float64Array {
  return Float64Array.from(x, (value) => value ** exponent);
}

/** dx of x and dy: `exponent x^(exponent - 1) dy`. */
export function powBackwardReference(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  exponent: number,
): Float64Array {
  return Float64Array.from(dy, (gradient, k) =>
    exponent === 0 ? 0 : gradient * exponent * (x[k] ?? 0) ** (exponent - 1),
  );
}
