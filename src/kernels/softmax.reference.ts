/** Softmax and log-softmax of the rows of `[rows, classes]` in float64. */

export function softmaxReference(x: ArrayLike<number>, classes: number): Float64Array {
  return logSoftmaxReference(x, classes).map(Math.exp);
}

/** `x - log(sum(exp(x)))` of each row. */
export function logSoftmaxReference(x: ArrayLike<number>, classes: number): Float64Array {
  return byRow(x, classes, (row) => {
    const peak = Math.max(...row);
    const total = row.reduce((sum, value) => sum + Math.exp(value - peak), 0);
    return row.map((value) => value - peak - Math.log(total));
  });
}

/** From the x of forward, not from its y. */
export function softmaxGradReference(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  classes: number,
): Float64Array {
  const y = softmaxReference(x, classes);
  const dots = byRow(
    y.map((value, k) => value * (dy[k] ?? 0)),
    classes,
    spreadSum,
  );
  return y.map((value, k) => value * ((dy[k] ?? 0) - (dots[k] ?? 0)));
}

/** From the x of forward, not from its y. */
export function logSoftmaxGradReference(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  classes: number,
): Float64Array {
  const totals = byRow(dy, classes, spreadSum);
  return softmaxReference(x, classes).map((value, k) => (dy[k] ?? 0) - value * (totals[k] ?? 0));
}

function spreadSum(row: readonly number[]): number[] {
  const sum = row.reduce((total, value) => total + value, 0);
  return row.map(() => sum);
}

function byRow(
  x: ArrayLike<number>,
  classes: number,
  fn: (row: readonly number[]) => readonly number[],
): Float64Array {
  const values = Array.from(x);
  const rows = Array.from({ length: values.length / classes }, (_, k) =>
    values.slice(k * classes, (k + 1) * classes),
  );
  return Float64Array.from(rows.flatMap((row) => fn(row)));
}
