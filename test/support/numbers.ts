/**
 * The largest |got - want| relative to the largest |want|, or to `scale` where want is what cancellation of larger terms
 * left. Infinite where counts differ or something isn't finite.
 */
export function largestError(got: ArrayLike<number>, want: ArrayLike<number>, scale?: number): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  const largest = scale ?? Array.from(want).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const error = Array.from(got).reduce((most, value, k) => {
    const distance = Math.abs(value - (want[k] ?? 0));
    return Number.isFinite(distance) ? Math.max(most, distance) : Number.POSITIVE_INFINITY;
  }, 0);
  return largest > 0 ? error / largest : error;
}
