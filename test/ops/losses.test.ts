/** Losses: against the definition, large logits, ignored labels, messages. */
import { describe, expect, it } from "vitest";
import { binaryCrossEntropyWithLogits, meanSquaredError, softmaxCrossEntropy } from "wgrad";
import { gpu } from "../support/gpu.ts";

const leaf = (values: number[]) => gpu.tensor(values, [values.length], { requiresGrad: true });

describe("meanSquaredError", () => {
  it("is the mean of the squares, with a gradient for each side", async () => {
    const [x, y] = [leaf([1, 2, 5, -1]), leaf([3, 4, 1, -2])];
    const loss = meanSquaredError(x, y);
    expect(await loss.item()).toBe(6.25);
    loss.backward();
    expect([...((await x.grad?.data()) ?? [])]).toEqual([-1, -1, 2, 0.5]);
    expect([...((await y.grad?.data()) ?? [])]).toEqual([1, 1, -2, -0.5]);
  });

  it("refuses shapes that would broadcast", () => {
    expect(() => meanSquaredError(gpu.zeros([4, 1]), gpu.zeros([4]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [meanSquaredError] 'x' [4, 1] and 'y' [4] must have one shape; reshape one of them]`,
    );
    expect(() =>
      meanSquaredError(gpu.zeros([4]), gpu.tensor(new Int32Array(4))),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [meanSquaredError] 'y' must be an f32 tensor, but got tensor [4] of i32; make it from a Float32Array]`,
    );
  });
});

describe("binaryCrossEntropyWithLogits", () => {
  const loss = (x: number, target: number) => binaryCrossEntropyWithLogits(leaf([x]), leaf([target]));

  it("keeps the digits of small losses, and overflows nowhere", async () => {
    // WGSL's exp(x) may be off by 3 + 2 |x| units in the last place: 2.6e-6 at 20.
    expect((await loss(10, 1).item()) / Math.log1p(Math.exp(-10))).toBeCloseTo(1, 5);
    expect((await loss(-20, 0).item()) / Math.log1p(Math.exp(-20))).toBeCloseTo(1, 5);
    expect(await loss(1e30, 0).item()).toBe(Math.fround(1e30));
    expect(await loss(-1e30, 0).item()).toBe(0);
    expect(await loss(Number.NaN, 0).item()).toBeNaN();
  });

  it("gives NaN's gradient to NaN alone", async () => {
    const x = leaf([Number.NaN, 0, 1e30, -1e30]);
    binaryCrossEntropyWithLogits(x, leaf([0, 0, 0, 0])).backward();
    expect([...((await x.grad?.data()) ?? [])]).toEqual([Number.NaN, 0.125, 0.25, 0]);
  });

  it("refuses other shapes", () => {
    expect(() =>
      binaryCrossEntropyWithLogits(gpu.zeros([2, 3]), gpu.zeros([3])),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [binaryCrossEntropyWithLogits] 'logits' [2, 3] and 'targets' [3] must have one shape; reshape one of them]`,
    );
  });
});

describe("softmaxCrossEntropy with ignoreIndex", () => {
  const logits = () => gpu.tensor([1, 2, 3, 9, 9, 9, 3, 1, 2], [3, 3], { requiresGrad: true });
  const kept = () => gpu.tensor([1, 2, 3, 3, 1, 2], [2, 3], { requiresGrad: true });

  for (const ignoreIndex of [-100, 1]) {
    for (const labelSmoothing of [0, 0.2]) {
      it(`is the loss of the other rows: label ${ignoreIndex}, smoothing ${labelSmoothing}`, async () => {
        const [x, rest] = [logits(), kept()];
        const labels = gpu.tensor(Int32Array.of(0, ignoreIndex, 2));
        const loss = softmaxCrossEntropy(x, labels, { ignoreIndex, labelSmoothing });
        const want = softmaxCrossEntropy(rest, Int32Array.of(0, 2), { labelSmoothing });
        expect(await loss.item()).toBe(await want.item());
        loss.backward();
        want.backward();
        const gradient = [...((await rest.grad?.data()) ?? [])];
        expect([...((await x.grad?.data()) ?? [])]).toEqual([
          ...gradient.slice(0, 3),
          ...[0, 0, 0],
          ...gradient.slice(3),
        ]);
      });
    }
  }

  it("is NaN if all rows are ignored, without a gradient", async () => {
    const x = logits();
    const loss = softmaxCrossEntropy(x, Int32Array.of(-1, -1, -1), { ignoreIndex: -1 });
    expect(await loss.item()).toBeNaN();
    loss.backward();
    expect(new Set(await x.grad?.data())).toEqual(new Set([0]));
  });

  it("still refuses other labels that are no class", async () => {
    expect(() =>
      softmaxCrossEntropy(logits(), Int32Array.of(0, -1, -2), { ignoreIndex: -1 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [softmaxCrossEntropy] label -2 of row 2 is no class: there are 3 classes, so labels go from 0 to 2]`,
    );
    const labels = gpu.tensor(Int32Array.of(0, -1, -2));
    await expect(softmaxCrossEntropy(logits(), labels, { ignoreIndex: -1 }).item()).rejects.toThrow(
      "label -2 of row 2 is no class",
    );
    expect(() =>
      softmaxCrossEntropy(logits(), Int32Array.of(0, 1, 2), { ignoreIndex: 0.5 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [softmaxCrossEntropy] 'ignoreIndex' must be a 32-bit integer, but got 0.5]`,
    );
  });
});
