/** matmul: gradients of all transpositions, one tensor on both sides, old memory, messages. Shapes are covered by the kernel's cases. */
import { describe, expect, it } from "vitest";
import { matmul, type Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gemmReference } from "../../src/kernels/gemm/gemm.reference.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { dotLoss, leaveOldMemory } from "../support/ops.ts";

const flags = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const;

/** The largest |error|, in units of 2^-24 of the largest |reference|. */
async function roundings(x: Tensor | null, reference: Float64Array): Promise<number> {
  return largestError((await x?.data()) ?? [], reference) * 2 ** 24;
}

describe("matmul", () => {
  for (const [m, n, k] of [
    [1, 1, 1],
    [5, 3, 7],
    [33, 20, 9],
  ] as const) {
    for (const [transposeA, transposeB] of flags) {
      it(`[${m}, ${k}] x [${k}, ${n}], transposeA ${transposeA}, transposeB ${transposeB}: value and gradients`, async () => {
        const [left, right, dy] = [noise(m * k, 1), noise(k * n, 2), noise(m * n, 3)];
        const a = gpu.tensor(left, transposeA ? [k, m] : [m, k], { requiresGrad: true });
        const b = gpu.tensor(right, transposeB ? [n, k] : [k, n], { requiresGrad: true });
        leaveOldMemory(gpu, [m * n, m * k, k * n]);
        const y = matmul(a, b, { transposeA, transposeB });
        expect(y.shape).toEqual([m, n]);
        const product = gemmReference(left, right, { m, n, k, transposeA, transposeB });
        expect(await roundings(y, product)).toBeLessThan(2 + 2 * Math.sqrt(k));
        leaveOldMemory(gpu, [m * n, m * k, k * n]);
        dotLoss(y, dy).backward();
        const size = { transposeA: false, transposeB: !transposeB };
        // d op(a) = dy op(b)^T and d op(b) = op(a)^T dy, turned back where op transposed.
        const dOpA = gemmReference(dy, right, { m, n: k, k: n, ...size });
        const dOpB = gemmReference(left, dy, { m: k, n, k: m, transposeA: !transposeA, transposeB: false });
        expect(await roundings(a.grad, transposeA ? turned(dOpA, m, k) : dOpA)).toBeLessThan(
          2 + 2 * Math.sqrt(n),
        );
        expect(await roundings(b.grad, transposeB ? turned(dOpB, k, n) : dOpB)).toBeLessThan(
          2 + 2 * Math.sqrt(m),
        );
      });
    }
  }

  for (const [m, n, k] of [
    [1, 1, 2 ** 20],
    [8, 8, 2 ** 18],
    [9, 11, 2 ** 17 + 1],
  ] as const) {
    it(`[${m}, ${k}] x [${k}, ${n}] of equal elements: rounding doesn't add up`, async () => {
      const ofTenths = (rows: number, columns: number) => gpu.full([rows, columns], 0.1);
      const y = matmul(ofTenths(m, k), ofTenths(k, n));
      const exact = new Float64Array(m * n).fill(Math.fround(0.1) ** 2 * k);
      expect(await roundings(y, exact)).toBeLessThan(2 * Math.sqrt(k));
    });
  }

  it("adds both gradients where one tensor stands on both sides", async () => {
    const a = gpu.tensor([1, 2, 3, 4], [2, 2], { requiresGrad: true });
    dotLoss(matmul(a, a), new Float32Array([1, 1, 1, 1])).backward();
    expect([...((await a.grad?.data()) ?? [])]).toEqual([7, 11, 9, 13]);
  });

  it("computes only the gradients that are needed", async () => {
    const a = gpu.tensor([1, 2], [1, 2]);
    const b = gpu.tensor([3, 4], [2, 1], { requiresGrad: true });
    dotLoss(matmul(a, b), new Float32Array([10])).backward();
    expect([...((await b.grad?.data()) ?? [])]).toEqual([10, 20]);
    expect(a.grad).toBeNull();
  });

  it("says what doesn't fit", () => {
    const a = gpu.zeros([2, 3]);
    expect(() => matmul(a, gpu.zeros([2, 4]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [matmul] 'b' must have 3 rows to match a [2, 3], but got [2, 4]; check the shapes, or whether one is to be transposed]`,
    );
    expect(() => matmul(a, gpu.zeros([3, 4]), { transposeB: true })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [matmul] 'b' must have 3 columns (transposeB) to match a [2, 3], but got [3, 4]; check the shapes, or whether one is to be transposed]`,
    );
    expect(() => matmul(a, gpu.zeros([4, 3]), { transposeA: true })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [matmul] 'b' must have 2 rows to match a [2, 3] (transposeA), but got [4, 3]; check the shapes, or whether one is to be transposed]`,
    );
    expect(() => matmul(gpu.zeros([2, 3, 4]), a)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [matmul] 'a' must be a matrix, but got [2, 3, 4]; reshape it to two axes]`,
    );
    expect(() => matmul(a, gpu.zeros([3]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [matmul] 'b' must be a matrix, but got [3]; reshape it to two axes]`,
    );
    expect(() => matmul(a, gpu.tensor(new Int32Array(3), [3, 1]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [matmul] 'b' must be f32, but got i32]`,
    );
  });

  it("names a tensor that was released", () => {
    const { a } = gpu.scope(() => {
      const weight = gpu.zeros([2, 2], { name: "weight" });
      return { a: () => matmul(weight, weight) };
    });
    expect(a).toThrowErrorMatchingInlineSnapshot(
      `[Error: [tensor] 'weight' [2, 2] was released by gpu.scope(); call keep() on it before, to use it afterwards]`,
    );
  });
});

function turned(x: Float64Array, rows: number, columns: number): Float64Array {
  return Float64Array.from(x, (_, k) => x[(k % rows) * columns + Math.floor(k / rows)] ?? Number.NaN);
}
