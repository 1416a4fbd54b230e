import { describe, expect, it } from "vitest";
import { noise } from "../../src/kernels/cases.ts";
import { symmetricEigen } from "../../src/nn/symmetric-eigen.ts";

type Matrix = (row: number, column: number) => number;

/** Symmetric, with elements in -2 to 2. */
function random(n: number): Matrix {
  const values = noise(n * n, n);
  return (i, j) => (values[i * n + j] ?? 0) + (values[j * n + i] ?? 0);
}

/** Reflection of a diagonal matrix: eigenvalues as given, eigenvectors filled. */
function reflected(values: readonly number[]): Matrix {
  const n = values.length;
  const reflection = (i: number, k: number) => Number(i === k) - 2 / n;
  return (i, j) => values.reduce((sum, value, k) => sum + value * reflection(i, k) * reflection(j, k), 0);
}

const cases: readonly (readonly [string, number, Matrix])[] = [
  ...[1, 2, 3, 12, 27, 48].map((n) => [`random ${n}x${n}`, n, random(n)] as const),
  ["zero", 4, () => 0],
  ["identity", 5, (i, j) => Number(i === j)],
  ["all ones, of rank 1", 12, () => 1],
  ["diagonal, unsorted", 6, (i, j) => (i === j ? ([3, -1, 7, 0, 7, 2][i] ?? 0) : 0)],
  ["of multiple eigenvalues", 9, reflected([5, 5, 5, 1, 1, 0, 0, -2, -2])],
  ["of eigenvalues from 1e-12 to 1e6", 8, reflected([1e6, 1e3, 1, 1e-3, 1e-6, 1e-9, 1e-12, 0])],
  ["Hilbert's", 12, (i, j) => 1 / (i + j + 1)],
  ["tiny", 3, (i, j) => 1e-150 * (1 + i + j)],
];

describe("symmetricEigen", () => {
  it.each(cases)("%s: orthonormal vectors that rebuild the matrix, sorted", (_, n, element) => {
    const matrix = Float64Array.from({ length: n * n }, (_, k) => element(Math.floor(k / n), k % n));
    const before = matrix.slice();
    const { values, vectors } = symmetricEigen(matrix, n);
    expect(matrix).toEqual(before);
    expect([...values]).toEqual([...values].sort((a, b) => b - a));

    const at = (k: number, i: number) => vectors[k * n + i] ?? Number.NaN;
    const sumOver = (term: (k: number) => number) =>
      Array.from({ length: n }, (_, k) => term(k)).reduce((sum, x) => sum + x, 0);
    const norm = Math.hypot(...matrix);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        // Some ten roundings a sweep and element, of float64's 1.1e-16.
        expect(Math.abs(sumOver((k) => at(i, k) * at(j, k)) - Number(i === j))).toBeLessThan(1e-14 * n);
        const rebuilt = sumOver((k) => (values[k] ?? 0) * at(k, i) * at(k, j));
        expect(Math.abs(rebuilt - element(i, j))).toBeLessThanOrEqual(1e-14 * n * norm);
      }
    }
  });

  it("gives known eigenvalues, and vectors whose largest element is positive", () => {
    // Of the second difference: 2 - 2 cos(k pi / (n + 1)).
    const n = 10;
    const second = Float64Array.from({ length: n * n }, (_, k) => {
      const distance = Math.abs(Math.floor(k / n) - (k % n));
      return distance === 0 ? 2 : distance === 1 ? -1 : 0;
    });
    const { values, vectors } = symmetricEigen(second, n);
    values.forEach((value, k) => {
      expect(value).toBeCloseTo(2 - 2 * Math.cos(((n - k) * Math.PI) / (n + 1)), 13);
      const row = [...vectors.subarray(k * n, (k + 1) * n)];
      expect(Math.max(...row)).toBeGreaterThanOrEqual(-Math.min(...row) - 1e-14);
    });
  });
});
