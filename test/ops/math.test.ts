/** Powers of negative numbers (CASES 6), domains, accuracy of long sums, ties of the maximum. */

import { describe, expect, it } from "vitest";
import { log, max, mean, pow, sqrt, sum, type Tensor, transpose } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";

const leaf = (data: number[], shape?: number[]) => gpu.tensor(data, shape, { requiresGrad: true });
const gradientOf = async (x: Tensor) => [...((await x.grad?.data()) ?? [])];

describe("pow of [-3, -0.5, 0, 2]", () => {
  const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
  const powers: [number, number[]][] = [
    [2, [9, 0.25, 0, 4]],
    [3, [-27, -0.125, 0, 8]],
    [0, [1, 1, 1, 1]],
    [0.5, [nan, nan, 0, Math.fround(Math.SQRT2)]],
    [-1, [Math.fround(-1 / 3), -2, infinity, 0.5]],
  ];
  for (const [exponent, expected] of powers) {
    it(`to ${exponent}`, async () => {
      const y = await pow(gpu.tensor([-3, -0.5, 0, 2]), exponent).data();
      expected.forEach((value, k) => {
        if (Number.isFinite(value)) expect(y[k]).toBeCloseTo(value, 6);
        else expect(y[k]).toBe(value);
      });
    });
  }
  it("has gradients without NaN at 0", async () => {
    const x = leaf([-3, -0.5, 0, 2]);
    sum(pow(x, 2)).backward();
    expect(await gradientOf(x)).toEqual([-6, -1, 0, 4]);
    sum(pow(x, 3)).backward();
    expect(await gradientOf(x)).toEqual([27, 0.75, 0, 12]);
    sum(pow(x, 0)).backward();
    expect(await gradientOf(x)).toEqual([0, 0, 0, 0]);
  });
  it("refuses exponents that are no numbers", () => {
    expect(() => pow(gpu.zeros([1]), Number.NaN)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [pow] 'exponent' must be a number of magnitude below 2^31, but got NaN]`,
    );
  });
});

it("log and sqrt give what IEEE says outside their domain", async () => {
  expect([...(await log(gpu.tensor([0, -1, 1])).data())]).toEqual([-Infinity, NaN, 0]);
  expect([...(await sqrt(gpu.tensor([0, -1, 4])).data())]).toEqual([0, NaN, 2]);
});

describe("sums", () => {
  it("of 131,073 ones are exact", async () => {
    expect(await sum(gpu.full([131_073], 1)).item()).toBe(131_073);
  });
  for (const [name, value] of [
    ["0.1", () => 0.1],
    ["random values", (noisy: number) => noisy + 1.1],
  ] as const) {
    it(`of 10,000,019 times ${name} have a relative error below 1e-6`, async () => {
      const data = noise(10_000_019).map(value);
      const x = gpu.tensor(data);
      const exact = data.reduce((total, element) => total + element, 0);
      const error = Math.abs((await gpu.scope(() => sum(x)).item()) / exact - 1);
      x.claim.release("test");
      expect(error).toBeLessThan(1e-6);
    });
  }
  it("have the same bits each time", async () => {
    const x = gpu.tensor(noise(100_003));
    const first = await sum(x).item();
    for (let k = 0; k < 3; k++) expect(await sum(x).item()).toBe(first);
  });
  it("over no axes copy", async () => {
    expect([...(await sum(gpu.tensor([1, 2, 3]), { axes: [] }).data())]).toEqual([1, 2, 3]);
  });
  it("keep dimensions where asked to", () => {
    const x = gpu.zeros([2, 3, 4]);
    expect(mean(x, { axes: -1 }).shape).toEqual([2, 3]);
    expect(mean(x, { axes: [0, 2], keepDims: true }).shape).toEqual([1, 3, 1]);
    expect(mean(x).shape).toEqual([]);
  });
  it("refuse an axis that isn't there", () => {
    expect(() => sum(gpu.zeros([2, 3]), { axes: [2] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [sum] 'axes' must name different axes of [2, 3], but got [2]]`,
    );
  });
});

it("the maximum's gradient goes to the first of equals", async () => {
  const x = leaf([3, 5, 5, 1, 2, 2], [2, 3]);
  const y = max(x, { axes: 1 });
  y.keep();
  sum(y).backward();
  expect([...(await y.data())]).toEqual([5, 2]);
  expect(await gradientOf(x)).toEqual([0, 1, 0, 0, 1, 0]);
});

it("transpose takes integers, and refuses what is no permutation", async () => {
  const x = gpu.tensor(new Int32Array([1, -2, 3, 4, 5, 6]), [2, 3]);
  expect([...(await transpose(x).data())]).toEqual([1, 4, -2, 5, 3, 6]);
  const bits = gpu.tensor(new Uint32Array([1, 0x7f800001, 2 ** 32 - 1, 3]), [1, 1, 4]);
  expect([...(await transpose(bits, [1, 0, 2]).data())]).toEqual([1, 0x7f800001, 2 ** 32 - 1, 3]);
  expect(() => transpose(x, [0, 0])).toThrowErrorMatchingInlineSnapshot(
    `[Error: [transpose] 'permutation' must name each axis of x [2, 3] once, but got [0, 0]]`,
  );
});
