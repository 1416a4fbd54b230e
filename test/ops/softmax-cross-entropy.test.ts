import { describe, expect, it } from "vitest";
import { softmaxCrossEntropy } from "wgrad";
import { gpu } from "../support/gpu.ts";

describe("softmaxCrossEntropy", () => {
  it("refuses labels out of range, at the call or at the next read (pytorch 43840)", async () => {
    const logits = gpu.tensor([2.5, 0, 0, 0, 0, 2.5], [2, 3], { requiresGrad: true });
    expect(await softmaxCrossEntropy(logits, new Int32Array([0, 2])).item()).toBeCloseTo(0.1520084, 6);
    for (const label of [1000, 3, -1]) {
      const labels = new Int32Array([0, label]);
      const message = `[softmaxCrossEntropy] label ${label} of row 1 is no class: there are 3 classes, so labels go from 0 to 2`;
      expect(() => softmaxCrossEntropy(logits, labels)).toThrow(message);
      const loss = softmaxCrossEntropy(logits, gpu.tensor(labels));
      await expect(loss.item()).rejects.toThrow(message);
      expect(await loss.item()).toBeNaN();
    }
  });
});
