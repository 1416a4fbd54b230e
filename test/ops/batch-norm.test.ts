/** batchNorm: values, running statistics and gradients against float64, the cases from the field, messages. */

import { describe, expect, it } from "vitest";
import { batchNorm, type Tensor } from "wgrad";
import {
  batchNormGradReference,
  batchNormReference,
  momentsReference,
  runningReference,
} from "../../src/kernels/batch-norm.reference.ts";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { dotLoss } from "../support/ops.ts";

const eps = 2e-5;

function setUp(shape: readonly number[], offset = 0) {
  const channels = shape.at(-1) ?? 1;
  const size = shape.reduce((a, b) => a * b, 1);
  const data = {
    x: noise(size, 1).map((value) => Math.fround(3 * value + offset)),
    dy: noise(size, 2),
    gamma: noise(channels, 3).map((value) => value + 1.5),
    beta: noise(channels, 4),
    mean: noise(channels, 5),
    variance: noise(channels, 6).map((value) => value + 2),
  };
  const options = { requiresGrad: true };
  const tensors = {
    x: gpu.tensor(data.x, shape, options),
    gamma: gpu.tensor(data.gamma, [channels], options),
    beta: gpu.tensor(data.beta, [channels], options),
    runningMean: gpu.tensor(data.mean, [channels], { name: "running mean" }),
    runningVar: gpu.tensor(data.variance, [channels]),
  };
  return { channels, rows: size / channels, data, tensors };
}

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
});
