/** What isn't a number reaches the sums that it's a term of, and no others, where factors stay in registers and loads go beyond what a sum needs. */
import { expect, it } from "vitest";
import { conv2d, matmul } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";

const withNaN = (elements: number, at: number) => {
  const data = Float32Array.from(noise(elements));
  data[at] = Number.NaN;
  return data;
};

const indicesOfNaN = (data: ArrayLike<number>) =>
  Array.from(data, (value, index) => (Number.isNaN(value) ? index : -1)).filter((index) => index >= 0);

it.each([
  [16, 16],
  [8, 20],
  [16, 36],
])("convolution %d->%d", async (ci, co) => {
  const [n, h, w] = [3, 17, 19];
  const weight = gpu.tensor(noise(co * 9 * ci), [co, 3, 3, ci]);
  for (const [row, column] of [
    [0, 0],
    [5, 18],
    [16, 9],
  ] as const) {
    const x = gpu.tensor(withNaN(n * h * w * ci, ((h + row) * w + column) * ci + 2), [n, h, w, ci]);
    const y = await conv2d(x, weight, { padding: 1 }).data();
    const pixels = new Set(indicesOfNaN(y).map((index) => Math.floor(index / co)));
    const expected = [];
    for (let oy = Math.max(0, row - 1); oy <= Math.min(h - 1, row + 1); oy++)
      for (let ox = Math.max(0, column - 1); ox <= Math.min(w - 1, column + 1); ox++)
        expected.push((h + oy) * w + ox);
    expect([...pixels]).toEqual(expected);
    expect(indicesOfNaN(y)).toHaveLength(expected.length * co);
  }
});

it.each([
  [67, 128, 64],
  [70, 512, 100],
  [33, 20, 132],
])("product [%d, %d] x [%d]", async (m, k, n) => {
  const [row, column] = [m - 1, 3];
  const a = gpu.tensor(withNaN(m * k, row * k + 5), [m, k]);
  const b = gpu.tensor(withNaN(k * n, 7 * n + column), [k, n]);
  const y = await matmul(a, b).data();
  const expected = Array.from({ length: m * n }, (_, index) => index).filter(
    (index) => Math.floor(index / n) === row || index % n === column,
  );
  expect(indicesOfNaN(y)).toEqual(expected);
});
