/** Sum over rows in float64. */
export function channelSumReference(x: ArrayLike<number>, channels: number): Float64Array {
  const y = new Float64Array(channels);
  for (let k = 0; k < x.length; k++) y[k % channels] = (y[k % channels] ?? 0) + (x[k] ?? Number.NaN);
  return y;
}
