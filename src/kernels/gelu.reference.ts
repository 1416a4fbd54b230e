/** GELU in float64. */

export function geluForwardReference(x: ArrayLike<number>): Float64Array {
  return Float64Array.from(x, (value) => (value === Number.NEGATIVE_INFINITY ? 0 : value * normalCdf(value)));
}

/** dx of x and dy. */
export function geluBackwardReference(x: ArrayLike<number>, dy: ArrayLike<number>): Float64Array {
  return Float64Array.from(dy, (gradient, k) => {
    const value = x[k] ?? 0;
    const slope = Math.abs(value) === Number.POSITIVE_INFINITY ? 0 : value * density(value);
    return gradient * (normalCdf(value) + slope);
  });
}

/** Φ(x) = (1 + erf(x / √2)) / 2, to a relative error of 1e-13 below 0 and an absolute one of 1e-15. */
export function normalCdf(x: number): number {
  const t = Math.abs(x);
  const tail = t < 2.5 ? 0.5 - density(t) * series(t) : density(t) / continuedFraction(t);
  return x > 0 ? 1 - tail : tail;
}

function density(x: number): number {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}

/** (Φ(t) - 1/2) / φ(t) = t + t³/3 + t⁵/(3 5) + ...: all terms have one sign. */
function series(t: number): number {
  let term = t;
  let sum = t;
  for (let k = 3; k < 90; k += 2) {
    term *= (t * t) / k;
    sum += term;
  }
  return sum;
}

/** φ(t) / Q(t) = t + 1/(t + 2/(t + 3/(t + ...))), Laplace's. */
function continuedFraction(t: number): number {
  let value = t;
  for (let k = 80; k > 0; k--) value = t + k / value;
  return value;
}
