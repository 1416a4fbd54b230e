/** CASES 9a: what memory held before shows in no output, gradient or running statistic of any op, eager and recorded. */
import { describe, expect, it } from "vitest";
import * as wgrad from "wgrad";
import { gpu } from "../support/gpu.ts";
import { dataOf, opRows, type Row, type Values } from "../support/op-rows.ts";

const { mul, sum } = wgrad;
type Tensor = wgrad.Tensor;

const reversed = (data: Values) => Float32Array.from(data, (_, k) => 3 * (data[data.length - 1 - k] ?? 0));

/** Leaves freed buffers of every size that is used here behind, full of a value. */
function fillPool(value: number): void {
  const counts = Array.from({ length: 16 }, (_, k) => 64 * (k + 1));
  gpu.scope(() => {
    for (const count of counts) for (let k = 0; k < 5; k++) gpu.full([count], value);
  });
}

/** The results for other values first, which stay behind in a recording's memory, and for x, twice: output, gradients, statistics. */
async function results([, shape, make]: Row, isRecorded: boolean, oldValue: number): Promise<number[][]> {
  const { op, others = [], loss = (y: Tensor) => sum(mul(y, y)) } = make();
  const data = dataOf(shape);
  const step = (x: Tensor) => {
    const y = op(x).keep();
    (y.requiresGrad ? loss(y) : sum(x)).backward();
    return y;
  };
  const recorded = gpu.record(step);
  const call = isRecorded ? recorded : step;
  const found: number[][] = [];
  for (const values of [reversed(data), data, data]) {
    const x = gpu.tensor(values, shape, { requiresGrad: true });
    fillPool(oldValue);
    const y = call(x);
    const wanted = [y, x.grad, ...others.map((other) => (other.requiresGrad ? other.grad : other))];
    found.push(
      (await Promise.all(wanted.map((tensor) => tensor?.data()))).flatMap((one) => [...(one ?? [])]),
    );
  }
  recorded.release();
  return found;
}

describe("old memory shows in nothing", () => {
  for (const subject of opRows) {
    const [name, shape, make] = subject;
    it(name, async () => {
      const eager = await results(subject, false, 1234.5);
      expect(eager.flat().every(Number.isFinite)).toBe(true);
      expect(await results(subject, false, -77)).toEqual(eager);
      expect(await results(subject, true, 1234.5)).toEqual(eager);
      const { gradient } = make();
      if (!gradient) return;
      const want = Array.from(gradient(dataOf(shape)));
      expect(eager.at(-1)?.slice(-want.length)).toEqual(want);
    });
  }

  it("is shown for every op", () => {
    const others = ["createGpu", "noGrad", "graphToDot"];
    const ops = Object.entries(wgrad).filter(
      ([name, value]) => typeof value === "function" && /^[a-z]/.test(name) && !others.includes(name),
    );
    const shown = new Set(opRows.map(([name]) => name.split(" ")[0]));
    expect(ops.map(([name]) => name).filter((name) => !shown.has(name))).toEqual([]);
  });
});
