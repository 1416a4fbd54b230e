/** Bias in float64. */
export function biasAddReference(y: ArrayLike<number>, bias: ArrayLike<number>): Float64Array {
  return Float64Array.from(y, (value, k) => value + (bias[k % bias.length] ?? Number.NaN));
}
