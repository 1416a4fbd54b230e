/** Gathering and normalising a batch in float64. */

export interface GatherProblem {
  /** Bytes `[count, imageBytes]`. */
  readonly bytes: Uint8Array;
  readonly labels: ArrayLike<number>;
  readonly order: ArrayLike<number>;
  readonly position: number;
  readonly batch: number;
  readonly imageBytes: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** The batch at a position of an order, and the position after it. */
export function gatherReference(problem: GatherProblem): {
  images: Float64Array;
  labels: number[];
  position: number[];
} {
  const { bytes, order, batch, imageBytes, mean, std } = problem;
  const chosen = Array.from({ length: batch }, (_, k) => order[(problem.position + k) % order.length] ?? 0);
  const images = Float64Array.from({ length: batch * imageBytes }, (_, k) => {
    const place = k % imageBytes;
    const channel = place % mean.length;
    const byte = bytes[(chosen[Math.floor(k / imageBytes)] ?? 0) * imageBytes + place] ?? 0;
    return (byte / 255 - (mean[channel] ?? 0)) / (std[channel] ?? 1);
  });
  return {
    images,
    labels: chosen.map((index) => problem.labels[index] ?? 0),
    position: [(problem.position + batch) % order.length],
  };
}
