/** Lookahead's synchronisation in float64: both copies are the slow one, moved by `weight` of the way to the fast one. */
export function lookaheadReference(
  slow: ArrayLike<number>,
  fast: ArrayLike<number>,
  weight: number,
): Float64Array {
  return Float64Array.from(slow, (value, k) => value + ((fast[k] ?? 0) - value) * weight);
}
