/** CASES 8: a tensor overwritten between forward and backward makes backward throw, for each op that saves something. */

import { describe, expect, it } from "vitest";
import {
  conv2d,
  div,
  exp,
  log,
  matmul,
  max,
  mul,
  pow,
  relu,
  reshape,
  sqrt,
  sub,
  sum,
  type Tensor,
  transpose,
} from "wgrad";
import { gpu } from "../support/gpu.ts";

const leaf = (data: number[], shape = [data.length]) =>
  gpu.tensor(data, shape, { requiresGrad: true, name: "x" });
const image = [1, 2, 2, 1];

const savesInput: [string, (x: Tensor) => Tensor][] = [
  ["mul", (x) => mul(x, x)],
  ["mul", (x) => mul(gpu.full(image, 2).detach(), mul(x, x))],
  ["div", (x) => div(1, x)],
  ["log", log],
  ["pow", (x) => pow(x, 3)],
  ["matmul", (x) => matmul(reshape(x, [2, 2]), reshape(x, [2, 2]))],
  ["conv2d", (x) => conv2d(x, x)],
];
const savesOutput: [string, (x: Tensor) => Tensor][] = [
  ["exp", exp],
  ["sqrt", sqrt],
  ["relu", relu],
  ["div", (x) => div(2, x)],
];
const savesNothing: [string, (x: Tensor) => Tensor, number][] = [
  ["sub", (x) => sub(x, 2), 1],
  ["mul by a number", (x) => mul(x, 3), 3],
  ["sum", (x) => sum(x), 1],
  ["transpose", (x) => transpose(x), 1],
];

describe("overwritten between forward and backward", () => {
  for (const [op, fn] of savesInput) {
    it(`the input of ${op}`, () => {
      const x = leaf([1, 2, 3, 4], image);
      const loss = sum(fn(x));
      x.write([10, 10, 10, 10]);
      expect(() => loss.backward()).toThrow(
        new RegExp(`was overwritten after '${op}' saved it for its gradient`),
      );
    });
  }
  for (const [op, fn] of savesOutput) {
    it(`the output of ${op}`, () => {
      const y = fn(leaf([1, 2, 3, 4], image));
      const loss = sum(y);
      y.write([10, 10, 10, 10]);
      expect(() => loss.backward()).toThrow(`was overwritten after '${op}' saved it for its gradient`);
    });
  }
  for (const [op, fn, slope] of savesNothing) {
    it(`the input of ${op}, which saves nothing: the gradient is right`, async () => {
      const x = leaf([1, 2, 3, 4], image);
      const loss = sum(fn(x));
      x.write([10, 10, 10, 10]);
      loss.backward();
      expect([...((await x.grad?.data()) ?? [])]).toEqual([slope, slope, slope, slope]);
    });
  }

  it("through a view", () => {
    const x = leaf([1, 2, 3, 4]);
    const loss = sum(mul(x, x));
    reshape(x.detach(), [2, 2]).write([10, 10, 10, 10]);
    expect(() => loss.backward()).toThrowErrorMatchingInlineSnapshot(
      `[Error: [backward] 'x' [4] was overwritten after 'mul' saved it for its gradient; call backward() before write() or optimizer.step()]`,
    );
  });

  it("an input of max, whose place is remembered: the gradient is right", async () => {
    const x = leaf([1, 4, 4, 2]);
    const loss = max(x);
    x.write([9, 1, 1, 1]);
    loss.backward();
    expect([...((await x.grad?.data()) ?? [])]).toEqual([0, 1, 0, 0]);
  });
});
