/** CASES 9a: what the pool's buffers held before shows in no output and no gradient. */

import { describe, expect, it } from "vitest";
import {
  add,
  div,
  exp,
  log,
  max,
  mean,
  mul,
  neg,
  pow,
  reshape,
  sqrt,
  sub,
  sum,
  type Tensor,
  transpose,
} from "wgrad";
import { gpu } from "../support/gpu.ts";

const shape = [3, 5, 7];
const data = Float32Array.from({ length: 105 }, (_, k) => ((k * 11) % 105) + 1);
const row = (x: Tensor) => mean(x, { axes: [0, 1] });

const ops: [string, (x: Tensor) => Tensor][] = [
  ["add", (x) => add(x, row(x))],
  ["sub", (x) => sub(row(x), x)],
  ["mul", (x) => mul(x, row(x))],
  ["div", (x) => div(row(x), x)],
  ["neg", neg],
  ["exp of -log", (x) => exp(neg(log(x)))],
  ["sqrt", sqrt],
  ["pow", (x) => pow(x, -2)],
  ["sum", (x) => sum(x, { axes: [0, 2] })],
  ["max", (x) => max(x, { axes: 1 })],
  ["reshape, transpose", (x) => transpose(reshape(x, [7, 15]))],
];

/** Leaves freed buffers of every size behind that is used here. */
function fillPool(value: number): void {
  gpu.scope(() => {
    for (const count of [1, 105]) for (let k = 0; k < 12; k++) gpu.full([count], value);
  });
}

async function results(op: (x: Tensor) => Tensor, oldValue: number): Promise<number[]> {
  fillPool(oldValue);
  const x = gpu.tensor(data, shape, { requiresGrad: true });
  const y = op(x).keep();
  sum(mul(y, y)).backward();
  return [...(await y.data()), ...((await x.grad?.data()) ?? [])];
}

describe("old memory shows in nothing", () => {
  for (const [name, op] of ops) {
    it(name, async () => {
      const values = await results(op, 1234.5);
      expect(values.every(Number.isFinite)).toBe(true);
      expect(values).toEqual(await results(op, -77));
    });
  }
});
