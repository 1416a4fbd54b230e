/** Clipping by norm in float64. */

/** The sums of squares of `count` lanes that take vec4s of x in turn; the first takes what is left. */
export function squareSumsReference(x: ArrayLike<number>, count: number): Float64Array {
  const sums = new Float64Array(count);
  const whole = Math.floor(x.length / 4);
  Array.from(x).forEach((value, k) => {
    const quad = Math.floor(k / 4);
    const lane = quad < whole ? quad % count : 0;
    sums[lane] = (sums[lane] ?? 0) + value * value;
  });
  return sums;
}

/** The norm that these sums of squares make. */
export function normReference(sums: ArrayLike<number>): number {
  return Math.sqrt(Array.from(sums).reduce((total, sum) => total + sum, 0));
}

/** What gradients of this norm are multiplied by. */
export function clipFactorReference(norm: number, maxNorm: number): number {
  return Math.min(1, maxNorm / (norm + 1e-6));
}
