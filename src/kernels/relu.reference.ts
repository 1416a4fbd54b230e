/** ReLU in float64. */

export function reluForwardReference(x: ArrayLike<number>): Float64Array {
  return Float64Array.from(x, (value) => Math.max(value, 0));
}

/** dx of y and dy. */
export function reluBackwardReference(y: ArrayLike<number>, dy: ArrayLike<number>): Float64Array {
  return Float64Array.from(dy, (gradient, k) => ((y[k] ?? 0) <= 0 ? 0 : gradient));
}
