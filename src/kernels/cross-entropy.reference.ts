/** Softmax cross-entropy and top-1 count in float64. Logits are `[rows, classes]`, a label a row. */

export interface CrossEntropyReference {
  readonly loss: number;
  /** For a loss with gradient 1. */
  readonly dlogits: Float64Array;
}

/** The mean loss of the rows that aren't ignored, and its gradient. */
export function crossEntropyReference(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  smoothing: number,
  ignoreIndex?: number,
): CrossEntropyReference {
  const rows = labels.length;
  const counted = Array.from(labels).filter((label) => label !== ignoreIndex).length;
  const classes = logits.length / rows;
  const dlogits = new Float64Array(logits.length);
  let loss = counted > 0 ? 0 : Number.NaN;
  for (let row = 0; row < rows; row++) {
    if (labels[row] === ignoreIndex) continue;
    const values = Array.from(logits).slice(row * classes, (row + 1) * classes);
    const peak = Math.max(...values);
    const total = values.reduce((sum, value) => sum + Math.exp(value - peak), 0);
    values.forEach((value, k) => {
      const target = (k === labels[row] ? 1 - smoothing : 0) + smoothing / classes;
      if (target > 0) loss += (target * (Math.log(total) - (value - peak))) / counted;
      dlogits[row * classes + k] = (Math.exp(value - peak) / total - target) / counted;
    });
  }
  return { loss, dlogits };
}

/** Rows whose first maximum is the label. */
export function countCorrectReference(logits: ArrayLike<number>, labels: ArrayLike<number>): number {
  const classes = logits.length / labels.length;
  return Array.from(labels).filter((label, row) => {
    const values = Array.from(logits).slice(row * classes, (row + 1) * classes);
    return values.indexOf(Math.max(...values)) === label;
  }).length;
}
