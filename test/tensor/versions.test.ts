/** CASES 8: what is overwritten between forward and backward makes backward throw where its values were saved; no gradient is ever of the new ones. */

import { describe, expect, it } from "vitest";
import {
  conv2d,
  div,
  exp,
  log,
  matmul,
  max,
  mul,
  optim,
  pow,
  relu,
  reshape,
  sqrt,
  sub,
  sum,
  type Tensor,
  transpose,
} from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";
import { dataOf, opRows, type Row } from "../support/op-rows.ts";
import { dotLoss } from "../support/ops.ts";

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

  it("a parameter, by optimizer.step()", async () => {
    const [x, w] = [leaf([1, 2, 3]), leaf([4, 5, 6])];
    const optimizer = optim.sgd([w], { lr: 1 });
    const loss = sum(mul(x, w));
    sum(mul(w, 2)).backward();
    optimizer.step();
    expect([...(await w.data())]).toEqual([2, 3, 4]);
    expect(() => loss.backward()).toThrow("was overwritten after 'mul' saved it for its gradient");
  });
});

/**
 * Gradients of an op's inputs where one of its tensors (input, parameters, statistics, output) was overwritten before backward; the
 * complaint where backward refuses, undefined where there is no such tensor.
 */
async function gradients([, shape, make]: Row, overwritten?: number) {
  const { op, others = [] } = make();
  const x = gpu.tensor(dataOf(shape), shape, { requiresGrad: true });
  const y = op(x).keep();
  if (!y.requiresGrad) return undefined;
  const loss = dotLoss(y, noise(y.size, 9));
  if (overwritten !== undefined) {
    const tensor = [x, ...others, y][overwritten];
    if (!tensor) return undefined;
    tensor.write(new Float32Array(tensor.size).fill(10));
  }
  try {
    loss.backward();
  } catch (error) {
    return String(error);
  }
  const leaves = [x, ...others.filter(({ requiresGrad }) => requiresGrad)];
  return Promise.all(leaves.map(async ({ grad }) => [...((await grad?.data()) ?? [])]));
}

describe("no gradient is of what was written later", () => {
  for (const row of opRows) {
    it(row[0], async () => {
      const right = await gradients(row);
      for (let k = 0; right !== undefined; k++) {
        const found = await gradients(row, k);
        if (found === undefined) break;
        if (typeof found === "string") expect(found).toMatch(/was overwritten after '\w+' saved it/);
        else expect(found).toEqual(right);
      }
    });
  }
});
