/**
 * Eigenvalues and eigenvectors of a small symmetric matrix, in float64.
 *
 * Cyclic Jacobi: each rotation zeroes a pair of off-diagonal elements, sweep after sweep, until rounding is all that is left; it converges
 * quadratically, so within some ten sweeps. Slower than tridiagonal QR, but short, and its vectors are orthogonal also where eigenvalues coincide.
 * Source: Jacobi, 1846; the smaller of two angles, as Rutishauser, "The Jacobi method for real symmetric matrices", 1966.
 */
export interface SymmetricEigen {
  /** Largest first. */
  readonly values: Float64Array;
  /** `[n, n]`: row k is the unit eigenvector of value k. Its element of largest magnitude, the first of equals, is positive. */
  readonly vectors: Float64Array;
}

const mostSweeps = 60;

/** `matrix = sum over k of values[k] * outer(vectors[k], vectors[k])`. @param matrix `[n, n]`, symmetric and finite */
export function symmetricEigen(matrix: Float64Array, n: number): SymmetricEigen {
  const a = matrix.slice();
  const axes = new Float64Array(n * n);
  for (let k = 0; k < n; k++) axes[k * n + k] = 1;
  const negligible = 2 ** -53 * Math.hypot(...a);

  let rotated = true;
  for (let sweep = 0; rotated && sweep < mostSweeps; sweep++) {
    rotated = false;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p * n + q] ?? 0) <= negligible) continue;
        rotate(a, axes, n, p, q);
        rotated = true;
      }
    }
  }

  const value = (k: number) => a[k * n + k] ?? 0;
  const order = Array.from({ length: n }, (_, k) => k).sort((i, j) => value(j) - value(i));
  const vectors = new Float64Array(n * n);
  order.forEach((k, row) => {
    vectors.set(withSign(axes.subarray(k * n, (k + 1) * n)), row * n);
  });
  return { values: Float64Array.from(order, value), vectors };
}

/** Turns the plane of axes p and q so that the element of both becomes 0. */
function rotate(a: Float64Array, axes: Float64Array, n: number, p: number, q: number): void {
  const theta = ((a[q * n + q] ?? 0) - (a[p * n + p] ?? 0)) / (2 * (a[p * n + q] ?? 0));
  const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const cosine = 1 / Math.hypot(tangent, 1);
  const sine = tangent * cosine;
  const turn = (x: Float64Array, i: number, j: number) => {
    const [u = 0, v = 0] = [x[i], x[j]];
    x[i] = cosine * u - sine * v;
    x[j] = sine * u + cosine * v;
  };
  for (let k = 0; k < n; k++) turn(a, p * n + k, q * n + k);
  for (let k = 0; k < n; k++) turn(a, k * n + p, k * n + q);
  for (let k = 0; k < n; k++) turn(axes, p * n + k, q * n + k);
  a[p * n + q] = 0;
  a[q * n + p] = 0;
}

function withSign(vector: Float64Array): Float64Array {
  const largest = vector.reduce((best, x) => (Math.abs(x) > Math.abs(best) ? x : best), 0);
  return largest < 0 ? vector.map((x) => -x) : vector;
}
