import { gemm } from "../../kernels/gemm/gemm.ts";
import { requireOptions } from "../kind.ts";
import { formatShape } from "../shape.ts";
import { record } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor } from "./check.ts";

/** Which factors `matmul` transposes. */
export interface MatmulOptions {
  /** `a` is `[K, M]`. */
  readonly transposeA?: boolean;
  /** `b` is `[N, K]`. */
  readonly transposeB?: boolean;
}

/**
 * Matrix product, `y = op(a) op(b)`, where op transposes if asked to.
 *
 * Gradients: `d op(a) = dy op(b)^T`, `d op(b) = op(a)^T dy`.
 * @param a `[M, K]`, or `[K, M]` with `transposeA`
 * @param b `[K, N]`, or `[N, K]` with `transposeB`
 * @returns `[M, N]`
 * @throws Error unless both are f32 matrices with one K
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  requireOptions("matmul", options);
  const { transposeA = false, transposeB = false } = options;
  const [m, k] = extents("a", a, transposeA);
  const [depth, n] = extents("b", b, transposeB);
  if (k !== depth) {
    throw new Error(
      `[matmul] 'b' must have ${k} ${transposeB ? "columns (transposeB)" : "rows"} to match ` +
        `a ${formatShape(a.shape)}${transposeA ? " (transposeA)" : ""}, but got ${formatShape(b.shape)}; ` +
        "check the shapes, or whether one is to be transposed",
    );
  }
  const y = a.gpu.empty([m, n]);
  gemm(a.device, { a, b, y, m, n, k, transposeA, transposeB });
  return record("matmul", y, [a, b], {
    saves: [a, b],
    backward: (dy, gradients) => {
      gradients.into(a, (da) =>
        transposeA
          ? gemm(a.device, { a: b, b: dy, y: da, m: k, n: m, k: n, transposeA: transposeB, transposeB: true })
          : gemm(a.device, { a: dy, b, y: da, m, n: k, k: n, transposeA: false, transposeB: !transposeB }),
      );
      gradients.into(b, (db) =>
        transposeB
          ? gemm(a.device, { a: dy, b: a, y: db, m: n, n: k, k: m, transposeA: true, transposeB: transposeA })
          : gemm(a.device, { a, b: dy, y: db, m: k, n, k: m, transposeA: !transposeA, transposeB: false }),
      );
    },
  });
}

/** Rows and columns of op(x). */
function extents(name: string, x: Tensor, transposed: boolean): readonly [rows: number, columns: number] {
  requireTensor("matmul", name, x);
  const [rows, columns, ...rest] = x.shape;
  if (rows === undefined || columns === undefined || rest.length > 0) {
    throw new Error(
      `[matmul] '${name}' must be a matrix, but got ${formatShape(x.shape)}; reshape it to two axes`,
    );
  }
  if (x.dtype !== "f32") throw new Error(`[matmul] '${name}' must be f32, but got ${x.dtype}`);
  return transposed ? [columns, rows] : [rows, columns];
}
