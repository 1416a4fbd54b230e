/** What batchNorm, dropout, maxPool2d and softmaxCrossEntropy have in common: saved tensors, memory, precompilation, references. */

import { describe, expect, it } from "vitest";
import { batchNorm, dropout, maxPool2d, noGrad, reshape, softmaxCrossEntropy } from "wgrad";
import {
  batchNormGradReference,
  batchNormReference,
  momentsReference,
} from "../../src/kernels/batch-norm/batch-norm.reference.ts";
import { noise } from "../../src/kernels/cases.ts";
import { crossEntropyReference } from "../../src/kernels/cross-entropy.reference.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { dotLoss } from "../support/ops.ts";

const leaf = (count: number, shape: readonly number[], seed = 1) =>
  gpu.tensor(noise(count, seed), shape, { requiresGrad: true });

/** A small network's step, on tensors that live on. */
function makeStep() {
  const x = leaf(3 * 4 * 4 * 5, [3, 4, 4, 5]);
  const [gamma, beta] = [leaf(5, [5], 2), leaf(5, [5], 3)];
  const [runningMean, runningVar] = [gpu.zeros([5]), gpu.full([5], 1)];
  const rng = gpu.rng(4);
  const forward = (training: boolean) => {
    const normal = batchNorm(x, gamma, beta, { runningMean, runningVar, training });
    const pooled = maxPool2d(dropout(normal, { rate: 0.3, training, rng }), { size: 4 });
    return softmaxCrossEntropy(reshape(pooled, [3, 5]), new Int32Array([0, 4, 2]), { labelSmoothing: 0.1 });
  };
  return { forward, rng, runningMean, x };
}

describe("training ops", () => {
  it("leave memory as it was, with and without gradients", async () => {
    const { forward } = makeStep();
    const step = () => {
      gpu.scope(() => {
        forward(true).backward();
        noGrad(() => forward(false));
      });
    };
    // The first step makes the gradients, the second is the first that starts with them.
    step();
    step();
    const { usedBytes, buffers } = gpu.memory;
    for (let k = 0; k < 50; k++) step();
    expect(gpu.memory.usedBytes).toBe(usedBytes);
    expect(gpu.memory.buffers).toBe(buffers);
  });

  it("are precompiled without running: no draw is taken, no running statistic moves", async () => {
    const { forward, rng, runningMean } = makeStep();
    await gpu.precompile(() => forward(true).backward());
    expect((await rng.state()).draws).toBe(0);
    expect([...(await runningMean.data())]).toEqual([0, 0, 0, 0, 0]);
    expect(Number.isFinite(await forward(true).item())).toBe(true);
    expect((await rng.state()).draws).toBe(1);
  });

  it("give the same bits for the same seed", async () => {
    const run = async () => {
      const { forward, x } = makeStep();
      const loss = forward(true);
      loss.backward();
      return [await loss.data(), await x.grad?.data()];
    };
    expect(await run()).toEqual(await run());
  });

  it("compute the gradient of what was there, or refuse, when an input is overwritten (pytorch 197887)", async () => {
    const logits = leaf(6, [2, 3]);
    const loss = softmaxCrossEntropy(logits, new Int32Array([0, 1]));
    logits.write(noise(6, 9));
    expect(() => loss.backward()).toThrow("overwritten after 'softmaxCrossEntropy' saved it");

    const labels = gpu.tensor(new Int32Array([0, 1]), [2], { name: "labels" });
    const other = softmaxCrossEntropy(logits, labels);
    labels.write(new Int32Array([2, 2]));
    expect(() => other.backward()).toThrow(
      "'labels' [2] was overwritten after 'softmaxCrossEntropy' saved it",
    );

    const x = gpu.tensor([1, 4, 2, 3], [1, 2, 2, 1], { requiresGrad: true });
    const pooled = dotLoss(maxPool2d(x, { size: 2 }), new Float32Array([1]));
    x.write([9, 0, 0, 0]);
    pooled.backward();
    expect([...((await x.grad?.data()) ?? [])]).toEqual([0, 1, 0, 0]);
  });
});

describe("float64 references", () => {
  const step = 1e-5;
  /** d f / d values[k] by central differences. */
  const numeric = (f: (values: Float64Array) => number, values: ArrayLike<number>) =>
    Float64Array.from(values, (_, k) => {
      const moved = (by: number) => f(Float64Array.from(values, (value, j) => value + (j === k ? by : 0)));
      return (moved(step) - moved(-step)) / (2 * step);
    });
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Array.from(a).reduce((sum, value, k) => sum + value * (b[k] ?? 0), 0);

  it("batch norm's gradient is the derivative of its forward", () => {
    const [x, dy, gamma, beta] = [noise(21, 1), noise(21, 2), noise(3, 3), noise(3, 4)];
    const fixed = momentsReference(noise(21, 5), 3);
    for (const training of [true, false]) {
      const moments = (values: ArrayLike<number>) => (training ? momentsReference(values, 3) : fixed);
      const want = batchNormGradReference(x, dy, moments(x), gamma, 2e-5, training);
      const of = (a: ArrayLike<number>, g: ArrayLike<number>, b: ArrayLike<number>) =>
        dot(batchNormReference(a, moments(a), g, b, 2e-5), dy);
      expect(
        largestError(
          numeric((values) => of(values, gamma, beta), x),
          want.dx,
        ),
      ).toBeLessThan(1e-8);
      expect(
        largestError(
          numeric((values) => of(x, values, beta), gamma),
          want.dgamma,
        ),
      ).toBeLessThan(1e-8);
      expect(
        largestError(
          numeric((values) => of(x, gamma, values), beta),
          want.dbeta,
        ),
      ).toBeLessThan(1e-8);
    }
  });

  it("cross-entropy's gradient is the derivative of its forward", () => {
    const labels = [2, 0, 3];
    for (const smoothing of [0, 0.1]) {
      const logits = noise(12, 1);
      const want = crossEntropyReference(logits, labels, smoothing).dlogits;
      const got = numeric((values) => crossEntropyReference(values, labels, smoothing).loss, logits);
      expect(largestError(got, want)).toBeLessThan(1e-8);
    }
  });
});
