/** Batch normalization in float64. x is `[rows, channels]`. */

export interface Moments {
  readonly mean: Float64Array;
  /** Divided by the number of rows. */
  readonly variance: Float64Array;
}

/** Mean and variance of each channel. */
export function momentsReference(x: ArrayLike<number>, channels: number): Moments {
  const rows = x.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  for (let k = 0; k < x.length; k++) mean[k % channels] = at(mean, k % channels) + at(x, k) / rows;
  for (let k = 0; k < x.length; k++) {
    const distance = at(x, k) - at(mean, k % channels);
    variance[k % channels] = at(variance, k % channels) + (distance * distance) / rows;
  }
  return { mean, variance };
}

/** The running statistics after one batch. */
export function runningReference(
  running: { readonly mean: ArrayLike<number>; readonly variance: ArrayLike<number> },
  batch: Moments,
  rows: number,
  momentum: number,
): Moments {
  const move = (old: ArrayLike<number>, now: Float64Array, factor: number) =>
    Float64Array.from(old, (value, k) => (1 - momentum) * value + momentum * factor * at(now, k));
  return {
    mean: move(running.mean, batch.mean, 1),
    variance: move(running.variance, batch.variance, rows / Math.max(rows - 1, 1)),
  };
}

/** `gamma (x - mean) / sqrt(variance + eps) + beta`. */
export function batchNormReference(
  x: ArrayLike<number>,
  { mean, variance }: Moments,
  gamma: ArrayLike<number>,
  beta: ArrayLike<number>,
  eps: number,
): Float64Array {
  const channels = mean.length;
  return Float64Array.from(x, (value, k) => {
    const c = k % channels;
    return ((value - at(mean, c)) / Math.sqrt(at(variance, c) + eps)) * at(gamma, c) + at(beta, c);
  });
}

/** Gradients for dy. In training the moments are those of x and depend on it; otherwise they're constants. */
export function batchNormGradReference(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  { mean, variance }: Moments,
  gamma: ArrayLike<number>,
  eps: number,
  training: boolean,
): { dx: Float64Array; dgamma: Float64Array; dbeta: Float64Array } {
  const channels = mean.length;
  const rows = x.length / channels;
  const dgamma = new Float64Array(channels);
  const dbeta = new Float64Array(channels);
  const inverse = variance.map((value) => 1 / Math.sqrt(value + eps));
  const normal = Float64Array.from(
    x,
    (value, k) => (value - at(mean, k % channels)) * at(inverse, k % channels),
  );
  for (let k = 0; k < x.length; k++) {
    dgamma[k % channels] = at(dgamma, k % channels) + at(dy, k) * at(normal, k);
    dbeta[k % channels] = at(dbeta, k % channels) + at(dy, k);
  }
  const dx = Float64Array.from(dy, (gradient, k) => {
    const c = k % channels;
    const common = training ? (at(dbeta, c) + at(normal, k) * at(dgamma, c)) / rows : 0;
    return at(gamma, c) * at(inverse, c) * (gradient - common);
  });
  return { dx, dgamma, dbeta };
}

function at(values: ArrayLike<number>, index: number): number {
  return values[index] ?? Number.NaN;
}
