/** GEMM in float64. */

interface GemmSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** `op(a) op(b)`, where op transposes if asked to; row-major. */
export function gemmReference(a: ArrayLike<number>, b: ArrayLike<number>, size: GemmSize): Float64Array {
  const { m, n, k, transposeA, transposeB } = size;
  const [left, y] = [Float64Array.from(a), new Float64Array(m * n)];
  // In rows of n: columns of a large matrix are far apart in memory.
  const right = Float64Array.from(b, (value, index) =>
    transposeB ? b[(index % n) * k + Math.floor(index / n)]! : value,
  );
  for (let row = 0; row < m; row++) {
    for (let step = 0; step < k; step++) {
      const factor = left[transposeA ? step * m + row : row * k + step]!;
      for (let column = 0; column < n; column++) y[row * n + column]! += factor * right[step * n + column]!;
    }
  }
  return y;
}
