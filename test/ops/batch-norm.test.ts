/** batchNorm: values, running statistics and gradients against float64, the cases from the field, messages. */

import { describe, expect, it } from "vitest";
import { batchNorm, type Tensor } from "wgrad";
import {
  batchNormGradReference,
  batchNormReference,
  momentsReference,
  runningReference,
} from "../../src/kernels/batch-norm/batch-norm.reference.ts";
import { batchNormInputs } from "../support/batch-norm.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { dotLoss, leaveOldMemory } from "../support/ops.ts";

const eps = 2e-5;

const setUp = (shape: readonly number[], offset = 0) => batchNormInputs(shape, { offset });

const gradientOf = async (x: Tensor) => (await x.grad?.data()) ?? new Float32Array(0);

describe("batchNorm", () => {
  for (const shape of [
    [2, 3],
    [7, 1],
    [33, 5],
    [257, 8],
    [2, 3, 5, 64],
    [3, 5, 7, 12],
    [9, 130],
    [4, 9, 9, 3],
  ]) {
    for (const training of [true, false]) {
      it(`${training ? "training" : "evaluation"} [${shape}] matches float64`, async () => {
        const { channels, rows, data, tensors } = setUp(shape);
        const { x, gamma, beta, runningMean, runningVar } = tensors;
        const y = batchNorm(x, gamma, beta, { runningMean, runningVar, training });
        const batch = momentsReference(data.x, channels);
        const moments = training
          ? batch
          : { mean: Float64Array.from(data.mean), variance: Float64Array.from(data.variance) };
        const running = training ? runningReference(data, batch, rows, 0.1) : moments;
        expect(
          largestError(await y.data(), batchNormReference(data.x, moments, data.gamma, data.beta, eps)),
        ).toBeLessThan(2e-6);
        expect(largestError(await runningMean.data(), running.mean)).toBeLessThan(1e-6);
        expect(largestError(await runningVar.data(), running.variance)).toBeLessThan(1e-6);

        dotLoss(y, data.dy).backward();
        const want = batchNormGradReference(data.x, data.dy, moments, data.gamma, eps, training);
        // With few rows dx is what is left of terms that cancel, each as large as the gradient in evaluation.
        const { dx: terms } = batchNormGradReference(data.x, data.dy, moments, data.gamma, eps, false);
        const scale = terms.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expect(largestError(await gradientOf(x), want.dx, scale)).toBeLessThan(2e-6);
        expect(largestError(await gradientOf(gamma), want.dgamma)).toBeLessThan(5e-6);
        expect(largestError(await gradientOf(beta), want.dbeta)).toBeLessThan(5e-6);
      });
    }
  }

  it("survives an offset of 1e5: variance, output and gradient", async () => {
    for (const shape of [
      [1031, 4],
      [1031, 3],
      [2, 8, 8, 64],
    ]) {
      const { channels, data, tensors } = setUp(shape, 1e5);
      const { x, gamma, beta, runningMean, runningVar } = tensors;
      const y = batchNorm(x, gamma, beta, { runningMean, runningVar, training: true, momentum: 1 });
      const moments = momentsReference(data.x, channels);
      expect(
        largestError(await y.data(), batchNormReference(data.x, moments, data.gamma, data.beta, eps)),
      ).toBeLessThan(2e-6);
      const { variance } = runningReference(data, moments, data.x.length / channels, 1);
      expect(largestError(await runningVar.data(), variance)).toBeLessThan(1e-6);
      dotLoss(y, data.dy).backward();
      const want = batchNormGradReference(data.x, data.dy, moments, data.gamma, eps, true);
      expect(largestError(await gradientOf(x), want.dx)).toBeLessThan(5e-6);
      expect(largestError(await gradientOf(gamma), want.dgamma)).toBeLessThan(5e-6);
    }
  });

  it("survives a first row that is far from all others", async () => {
    const { data, tensors } = setUp([4096, 4]);
    data.x.fill(1e4, 0, 4);
    tensors.x.write(data.x);
    const { x, gamma, beta, runningMean, runningVar } = tensors;
    const y = batchNorm(x, gamma, beta, { runningMean, runningVar, training: true, momentum: 1 });
    const moments = momentsReference(data.x, 4);
    const { variance } = runningReference(data, moments, 4096, 1);
    expect(largestError(await runningVar.data(), variance)).toBeLessThan(1e-6);
    // At 1e4 floats are 2^-10 apart; x - mean may be off by a step, at a deviation of 156, and gamma reaches 2.5.
    const want = batchNormReference(data.x, moments, data.gamma, data.beta, eps);
    const step = (2 ** -10 / 156) * 2.5;
    expect(largestError((await y.data()).subarray(4), want.subarray(4), 1)).toBeLessThan(2 * step);
  });

  for (const shape of [
    [1, 3],
    [1, 1, 1, 3],
    [1, 4],
  ]) {
    it(`computes one row per channel as Chainer does, [${shape}] (pytorch 1381)`, async () => {
      const { data, tensors } = setUp(shape);
      const { x, gamma, beta, runningMean, runningVar } = tensors;
      const y = batchNorm(x, gamma, beta, { runningMean, runningVar, training: true });
      expect(await y.data()).toEqual(data.beta);
      const mean = data.mean.map((value, k) => 0.9 * value + 0.1 * (data.x[k] ?? 0));
      expect(largestError(await runningMean.data(), mean)).toBeLessThan(1e-7);
      expect(
        largestError(
          await runningVar.data(),
          data.variance.map((value) => 0.9 * value),
        ),
      ).toBeLessThan(1e-7);
      dotLoss(y, data.dy).backward();
      expect(await gradientOf(x)).toEqual(new Float32Array(x.size));
      expect(await gradientOf(gamma)).toEqual(new Float32Array(x.size));
      expect(await gradientOf(beta)).toEqual(data.dy);
    });
  }

  it("uses the running statistics' gradient in evaluation (pytorch-xla 913)", async () => {
    const options = { requiresGrad: true };
    const x = gpu.tensor([1, 3], [2, 1], options);
    const gamma = gpu.tensor([2], [1], options);
    const beta = gpu.tensor([0], [1], options);
    const [runningMean, runningVar] = [gpu.tensor([1]), gpu.tensor([4])];
    const y = batchNorm(x, gamma, beta, { runningMean, runningVar, training: false });
    dotLoss(y, new Float32Array([1, 1])).backward();
    expect(largestError(await gradientOf(x), [0.9999975, 0.9999975])).toBeLessThan(1e-7);
    expect(largestError(await gradientOf(gamma), [0.9999975])).toBeLessThan(1e-7);
    expect([...(await gradientOf(beta))]).toEqual([2]);
    expect([...(await runningMean.data()), ...(await runningVar.data())]).toEqual([1, 4]);
  });

  it("overwrites old memory, and computes only the gradients that are wanted", async () => {
    const { data, tensors, channels } = setUp([37, 6]);
    const { x, gamma, beta, runningMean, runningVar } = tensors;
    gamma.requiresGrad = false;
    leaveOldMemory(gpu, [37 * 6, 3 * 6, 6]);
    const y = batchNorm(x, gamma, beta, { runningMean, runningVar, training: true });
    const moments = momentsReference(data.x, channels);
    expect(
      largestError(await y.data(), batchNormReference(data.x, moments, data.gamma, data.beta, eps)),
    ).toBeLessThan(2e-6);
    leaveOldMemory(gpu, [37 * 6, 3 * 6, 6]);
    dotLoss(y, data.dy).backward();
    const want = batchNormGradReference(data.x, data.dy, moments, data.gamma, eps, true);
    expect(largestError(await gradientOf(x), want.dx)).toBeLessThan(5e-6);
    expect(largestError(await gradientOf(beta), want.dbeta)).toBeLessThan(5e-6);
    expect(gamma.grad).toBeNull();
  });

  it("lets backward notice that x was overwritten", () => {
    const { data, tensors } = setUp([5, 4]);
    const { x, gamma, beta, runningMean, runningVar } = tensors;
    const y = batchNorm(x, gamma, beta, { runningMean, runningVar, training: true });
    const loss = dotLoss(y, data.dy);
    x.write(data.dy);
    expect(() => loss.backward()).toThrow("overwritten after 'batchNorm' saved it");
  });

  it("says what is wrong", () => {
    const { x, gamma, beta, runningMean, runningVar } = setUp([2, 3, 3, 4]).tensors;
    const running = { runningMean, runningVar, training: true };
    const three = gpu.full([3], 1);
    const flat = gpu.full([4], 1);
    expect(() => batchNorm(flat, gamma, beta, running)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [batchNorm] 'x' must be [M, C] or [N, H, W, C], but got [4]]`,
    );
    expect(() => batchNorm(x, three, beta, running)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [batchNorm] 'gamma' must be [4] to match the channels of x [2, 3, 3, 4], but got [3]]`,
    );
    expect(() => batchNorm(x, gamma, x, running)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [batchNorm] 'beta' must be [4] to match the channels of x [2, 3, 3, 4], but got [2, 3, 3, 4]]`,
    );
    expect(() =>
      batchNorm(x, gamma, beta, { ...running, runningVar: three }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [batchNorm] 'runningVar' must be [4] to match the channels of x [2, 3, 3, 4], but got [3]]`,
    );
    expect(() => batchNorm(x, gamma, beta, { ...running, eps: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [batchNorm] 'eps' must be positive, but got 0]`,
    );
    expect(() => batchNorm(x, gamma, beta, { ...running, momentum: 1.5 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [batchNorm] 'momentum' must lie in 0 to 1, but got 1.5]`,
    );
    // @ts-expect-error JavaScript callers can leave it out
    const missing: typeof running = { runningMean, training: true };
    expect(() => batchNorm(x, gamma, beta, missing)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [batchNorm] 'runningVar' must be [4] to match the channels of x [2, 3, 3, 4], but got nothing]`,
    );
  });
});
