/** Gradients of the broadcasting operations, and what they check. */

import { describe, expect, it } from "vitest";
import { add, div, mul, reshape, sub, sum, type Tensor } from "wgrad";
import { gpu } from "../support/gpu.ts";

const leaf = (data: number[], shape?: number[]) => gpu.tensor(data, shape, { requiresGrad: true });
const gradientOf = async (x: Tensor) => [...((await x.grad?.data()) ?? [])];

describe("gradients, exact", () => {
  it("mul of one tensor with itself", async () => {
    const x = leaf([1, 2, 3]);
    sum(mul(x, x)).backward();
    expect(await gradientOf(x)).toEqual([2, 4, 6]);
  });

  it("add and sub sum over broadcast axes", async () => {
    const x = leaf([1, 2, 3, 4, 5, 6], [2, 3]);
    const row = leaf([1, 1, 1]);
    const column = leaf([1, 1], [2, 1]);
    sum(sub(add(x, row), column)).backward();
    expect(await gradientOf(x)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(await gradientOf(row)).toEqual([2, 2, 2]);
    expect(await gradientOf(column)).toEqual([-3, -3]);
  });

  it("mul and div by a broadcast operand", async () => {
    const x = leaf([1, 2, 3, 4, 5, 6], [2, 3]);
    const factor = leaf([2, 4, 8]);
    const divisor = leaf([2, 4], [2, 1]);
    sum(div(mul(x, factor), divisor)).backward();
    expect(await gradientOf(x)).toEqual([1, 2, 4, 0.5, 1, 2]);
    expect(await gradientOf(factor)).toEqual([1.5, 2.25, 3]);
    // -sum(x factor) / divisor^2
    expect(await gradientOf(divisor)).toEqual([-34 / 4, -76 / 16]);
  });

  it("numbers on either side", async () => {
    const x = leaf([1, 2, 4]);
    const y = add(mul(x, 3), sub(10, div(8, x)));
    expect([...(await y.data())]).toEqual([5, 12, 20]);
    sum(y).backward();
    expect(await gradientOf(x)).toEqual([11, 5, 3.5]);
  });

  it("of a reshaped tensor", async () => {
    const x = leaf([1, 2, 3, 4, 5, 6], [2, 3]);
    sum(mul(reshape(x, [3, -1]), gpu.tensor([1, 10, 2, 20, 3, 30], [3, 2]))).backward();
    expect(await gradientOf(x)).toEqual([1, 10, 2, 20, 3, 30]);
  });
});

describe("errors", () => {
  it("name both shapes that don't broadcast", () => {
    expect(() => add(gpu.zeros([2, 3]), gpu.zeros([2]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [add] shapes [2, 3] and [2] don't broadcast: aligned at the last axis, extents must be equal or 1]`,
    );
  });
  it("refuse two numbers", () => {
    expect(() => mul(2, 3)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [mul] needs a tensor, but got two numbers: 2 and 3]`,
    );
  });
  it("refuse integers", () => {
    expect(() => add(gpu.tensor(new Int32Array(2)), 1)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [add] 'a' must be an f32 tensor, but got tensor [2] of i32; make it from a Float32Array]`,
    );
  });
  it("name the shape that doesn't hold the elements", () => {
    expect(() => reshape(gpu.zeros([2, 3]), [4, -1])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [reshape] 'shape' must hold 6 elements to match x [2, 3], but got [4, -1]; one extent may be -1]`,
    );
  });
});
