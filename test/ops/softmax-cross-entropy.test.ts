/** softmaxCrossEntropy, countCorrect, Metrics: against float64, the cases from the field, faults of labels, messages. */

import { describe, expect, it } from "vitest";
import { countCorrect, Metrics, softmaxCrossEntropy } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { countCorrectReference, crossEntropyReference } from "../../src/kernels/cross-entropy.reference.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { leaveOldMemory } from "../support/ops.ts";

const someLabels = (rows: number, classes: number) =>
  Int32Array.from(noise(rows, 5), (value) => Math.floor(((value + 1) / 2) * classes));

describe("softmaxCrossEntropy", () => {
  for (const [rows, classes] of [
    [1, 1],
    [1, 7],
    [5, 2],
    [33, 100],
    [64, 64],
    [67, 129],
  ] as const) {
    for (const labelSmoothing of [0, 0.1]) {
      it(`[${rows}, ${classes}] smoothing ${labelSmoothing} matches float64, over old memory`, async () => {
        const values = noise(rows * classes).map((value) => value * 5);
        const labels = someLabels(rows, classes);
        const logits = gpu.tensor(values, [rows, classes], { requiresGrad: true });
        leaveOldMemory(gpu, [1, rows, rows * classes]);
        const loss = softmaxCrossEntropy(logits, gpu.tensor(labels), { labelSmoothing });
        const want = crossEntropyReference(values, labels, labelSmoothing);
        expect(largestError([await loss.item()], [want.loss], Math.max(want.loss, 1e-3))).toBeLessThan(2e-6);
        leaveOldMemory(gpu, [rows * classes]);
        loss.backward();
        const grad = (await logits.grad?.data()) ?? new Float32Array();
        expect(largestError(grad, want.dlogits, 1 / rows)).toBeLessThan(1e-6);
      });
    }
  }

  it("is right at logits of 1e8 and at infinite ones", async () => {
    const loss = async (values: number[], label: number) => {
      const logits = gpu.tensor(values, [1, values.length], { requiresGrad: true });
      const result = softmaxCrossEntropy(logits, new Int32Array([label]));
      result.backward();
      return [await result.item(), ...((await logits.grad?.data()) ?? [])];
    };
    const third = Math.fround(1 / 3);
    expect(await loss([1e8, -1e8, -1e8], 0)).toEqual([0, 0, 0, 0]);
    expect(await loss([1e8, -1e8, 0], 1)).toEqual([2e8, 1, -1, 0]);
    const even = await loss([1e8, 1e8, 1e8], 1);
    expect(largestError(even, [Math.log(3), third, third - 1, third])).toBeLessThan(1e-6);
    expect(await loss([0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY], 0)).toEqual([0, 0, 0, 0]);
    expect((await loss([0, Number.NEGATIVE_INFINITY], 1))[0]).toBe(Number.POSITIVE_INFINITY);
    expect((await loss([0, Number.NaN], 0))[0]).toBeNaN();
  });

  it("scales by the gradient that comes in", async () => {
    const logits = gpu.tensor([1, 2, 3, 4, 5, 7], [2, 3], { requiresGrad: true });
    const loss = softmaxCrossEntropy(logits, new Int32Array([2, 0]));
    loss.backward();
    loss.keep();
    const once = (await logits.grad?.data()) ?? new Float32Array();
    softmaxCrossEntropy(logits, new Int32Array([2, 0])).backward({ accumulate: true });
    expect(await logits.grad?.data()).toEqual(once.map((value) => 2 * value));
  });

  for (const label of [1000, 3, -1, -2147483648]) {
    it(`refuses label ${label} of 3 classes: an array at the call, a tensor at the next read (pytorch 43840)`, async () => {
      const logits = gpu.tensor([2.5, 0, 0, 0, 0, 2.5], [2, 3], { requiresGrad: true });
      expect(await softmaxCrossEntropy(logits, new Int32Array([0, 2])).item()).toBeCloseTo(0.1520084, 6);
      const labels = new Int32Array([0, label]);
      const message = `[softmaxCrossEntropy] label ${label} of row 1 is no class: there are 3 classes, so labels go from 0 to 2`;
      expect(() => softmaxCrossEntropy(logits, labels)).toThrow(message);

      const loss = softmaxCrossEntropy(logits, gpu.tensor(labels)).keep();
      loss.backward();
      // Another tensor's read tells as well; after that the device works on.
      await expect(gpu.full([1], 1).data()).rejects.toThrow(message);
      expect(await loss.item()).toBeNaN();
      const grad = (await logits.grad?.data()) ?? [];
      expect([...grad].map(Number.isNaN)).toEqual([false, false, false, true, true, true]);
    });
  }

  it("reports the first of several wrong labels", async () => {
    const labels = new Int32Array(200).fill(1);
    labels[77] = 9;
    labels[141] = -4; // the same lane of 64
    labels[150] = 5;
    const loss = softmaxCrossEntropy(gpu.full([200, 5], 0), gpu.tensor(labels));
    await expect(loss.item()).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: [softmaxCrossEntropy] label 9 of row 77 is no class: there are 5 classes, so labels go from 0 to 4]`,
    );
  });

  it("says what is wrong", () => {
    const logits = gpu.full([2, 3], 0);
    const labels = new Int32Array([0, 1]);
    expect(() => softmaxCrossEntropy(gpu.full([6], 0), labels)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [softmaxCrossEntropy] 'logits' must be f32 [N, C], but got f32 [6]]`,
    );
    expect(() => softmaxCrossEntropy(logits, new Int32Array(3))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [softmaxCrossEntropy] 'labels' must be an Int32Array of 2 or an i32 tensor [2] to match logits [2, 3], but got Int32Array of 3]`,
    );
    expect(() => softmaxCrossEntropy(logits, gpu.full([2], 0))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [softmaxCrossEntropy] 'labels' must be i32 [2] to match logits [2, 3], but got f32 [2]]`,
    );
    expect(() => softmaxCrossEntropy(logits, gpu.tensor(labels, [2, 1]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [softmaxCrossEntropy] 'labels' must be i32 [2] to match logits [2, 3], but got i32 [2, 1]]`,
    );
    expect(() =>
      softmaxCrossEntropy(logits, labels, { labelSmoothing: 2 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [softmaxCrossEntropy] 'labelSmoothing' must lie in 0 to 1, but got 2]`,
    );
    expect(() => countCorrect(logits, new Int32Array([0, 3]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [countCorrect] label 3 of row 1 is no class: there are 3 classes, so labels go from 0 to 2]`,
    );
  });
});

describe("countCorrect", () => {
  it("counts rows whose first maximum is the label", async () => {
    const logits = gpu.tensor([1, 1, 0, 0, 2, 2, -3, -1, -2, Number.NaN, 9, 9], [4, 3]);
    expect(await countCorrect(logits, new Int32Array([0, 1, 1, 0])).item()).toBe(4);
    expect(await countCorrect(logits, new Int32Array([1, 2, 0, 1])).item()).toBe(0);
    expect(await countCorrect(gpu.tensor([-0, 0], [1, 2]), new Int32Array([0])).item()).toBe(1);
    expect(await countCorrect(logits, gpu.tensor(new Int32Array([0, 1, -1, 99]))).item()).toBe(2);
  });
});

describe("Metrics", () => {
  it("counts images, not batches (chainer 1739)", async () => {
    const metrics = new Metrics(gpu);
    expect((await metrics.read()).count).toBe(0);
    const batch = (rows: number[], labels: number[]) => {
      const logits = gpu.tensor(rows, [labels.length, 2]);
      metrics.add(softmaxCrossEntropy(logits, new Int32Array(labels)), logits, new Int32Array(labels));
    };
    batch([1, 0, 1, 0, 0, 1], [0, 0, 1]);
    batch([0, 1, 0, 1], [1, 0]);
    const { loss, accuracy, correct, count } = await metrics.read();
    expect({ accuracy, correct, count }).toEqual({ accuracy: 0.8, correct: 4, count: 5 });
    expect(loss).toBeCloseTo((4 * Math.log(1 + Math.exp(-1)) + Math.log(1 + Math.exp(1))) / 5, 6);
    metrics.reset();
    expect(await metrics.read()).toEqual({ loss: Number.NaN, accuracy: Number.NaN, correct: 0, count: 0 });
  });

  it("agrees over all sizes of batches", async () => {
    const [images, classes] = [1003, 10];
    const values = noise(images * classes, 8).map((value) => value * 4);
    const labels = someLabels(images, classes);
    const want = crossEntropyReference(values, labels, 0).loss;
    for (const size of [1, 7, 64, 128]) {
      const metrics = new Metrics(gpu);
      gpu.scope(() => {
        for (let at = 0; at < images; at += size) {
          const end = Math.min(images, at + size);
          const logits = gpu.tensor(values.slice(at * classes, end * classes), [end - at, classes]);
          const batch = labels.slice(at, end);
          metrics.add(softmaxCrossEntropy(logits, batch), logits, batch);
        }
      });
      const { loss, correct, count } = await metrics.read();
      expect(count).toBe(images);
      expect(correct).toBe(countCorrectReference(values, labels));
      expect(Math.abs(loss / want - 1)).toBeLessThan(1e-6);
    }
  });

  it("refuses a loss that is no mean", () => {
    const metrics = new Metrics(gpu);
    const [logits, labels] = [gpu.zeros([3, 2]), new Int32Array(3)];
    expect(() => metrics.add(gpu.zeros([3]), logits, labels)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [Metrics.add] 'loss' must be the batch's mean, one element, but got tensor [3]; take mean(loss)]`,
    );
    expect(() =>
      metrics.add(gpu.tensor(Int32Array.of(1)), logits, labels),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [Metrics.add] 'loss' must be an f32 tensor, but got tensor [1] of i32; make it from a Float32Array]`,
    );
  });
});
