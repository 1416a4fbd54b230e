/** batchNormGelu: against float64, against the two ops one after the other, and against finite differences. */

import { describe, expect, it } from "vitest";
import { batchNorm, batchNormGelu, gelu, nn, type Tensor } from "wgrad";
import { batchNormGeluGradReference, batchNormGeluReference, gradcheck } from "wgrad/testing";
import { momentsReference, runningReference } from "../../src/kernels/batch-norm/batch-norm.reference.ts";
import { noise } from "../../src/kernels/cases.ts";
import { batchNormInputs, gradientOf, kindsOf, outcomeOf } from "../support/batch-norm.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { dotLoss } from "../support/ops.ts";

const eps = 2e-5;
/** With negative factors too. */
const setUp = (shape: readonly number[]) => batchNormInputs(shape, { gammaAround: 0.5 });
const apart: typeof batchNormGelu = (x, gamma, beta, options) => gelu(batchNorm(x, gamma, beta, options));

/** All that an op computes. */
async function outcome(
  op: typeof batchNormGelu,
  { data, tensors }: ReturnType<typeof setUp>,
  training: boolean,
) {
  const { x, gamma, beta, runningMean, runningVar } = tensors;
  const y = op(x, gamma, beta, { runningMean, runningVar, training }).keep();
  dotLoss(y, data.dy).backward();
  return outcomeOf(y, tensors);
}

describe("batchNormGelu", () => {
  for (const shape of [
    [7, 1],
    [33, 5],
    [257, 8],
    [3, 5, 7, 12],
    [2, 3, 5, 64],
  ]) {
    for (const training of [true, false]) {
      it(`${training ? "training" : "evaluation"} [${shape}] matches float64`, async () => {
        const given = setUp(shape);
        const { data, channels, rows } = given;
        const { gamma, beta } = data;
        const got = await outcome(batchNormGelu, given, training);
        const running = { mean: Float64Array.from(data.mean), variance: Float64Array.from(data.variance) };
        const batch = momentsReference(data.x, channels);
        const moments = training ? batch : running;
        const moved = training ? runningReference(data, batch, rows, 0.1) : running;
        const composed = { gamma, beta, moments, eps };
        expect(largestError(got.y, batchNormGeluReference(data.x, composed))).toBeLessThan(2e-6);
        expect(largestError(got.runningMean, moved.mean)).toBeLessThan(1e-6);
        expect(largestError(got.runningVar, moved.variance)).toBeLessThan(1e-6);
        const want = batchNormGeluGradReference(data.x, data.dy, training, composed);
        // With few rows dx is what is left of terms that cancel, each as large as the gradient in evaluation.
        const { dx: terms } = batchNormGeluGradReference(data.x, data.dy, false, composed);
        const scale = terms.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expect(largestError(got.dx, want.dx, scale)).toBeLessThan(2e-6);
        const termsOfGamma = Array.from({ length: rows }, (_, row) => {
          const own = (values: Float32Array) => values.subarray(row * channels, (row + 1) * channels);
          return batchNormGeluGradReference(own(data.x), own(data.dy), false, composed).dgamma;
        }).flatMap((row) => [...row]);
        const scaleOfGamma = termsOfGamma.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expect(largestError(got.dgamma, want.dgamma, scaleOfGamma)).toBeLessThan(2e-6);
        expect(largestError(got.dbeta, want.dbeta)).toBeLessThan(5e-6);
      });
    }
  }

  it("has NaN and Infinity where the ops apart have them, in the output and in all gradients", async () => {
    for (const channels of [8, 7]) {
      for (const training of [true, false]) {
        const run = async (op: typeof batchNormGelu) => {
          const given = setUp([41, channels]);
          const { x } = given.data;
          for (const [k, value] of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].entries())
            x[3 * channels + k] = value;
          given.tensors.x.write(x);
          given.data.dy[4 * channels + 4] = Number.NaN;
          return kindsOf(await outcome(op, given, training));
        };
        const [one, other] = [await run(batchNormGelu), await run(apart)];
        expect(other.y.filter(Number.isNaN).length).toBeGreaterThan(0);
        expect(one).toEqual(other);
      }
    }
  });

  it("has the derivative's gradient by finite differences", async () => {
    for (const channels of [4, 3, 1]) {
      for (const training of [true, false]) {
        const beta = gpu.tensor(noise(channels, 4));
        const gamma = gpu.tensor(noise(channels, 3).map((value) => value + 2));
        const op = (x: Tensor, g: Tensor, b: Tensor) => {
          const running = { runningMean: gpu.zeros([channels]), runningVar: gpu.full([channels], 1) };
          return batchNormGelu(x, g, b, { ...running, training });
        };
        await gradcheck(op, [gpu.tensor(noise(60, 9), [60 / channels, channels]), gamma, beta]);
      }
    }
  });

  it("computes only the gradients that are wanted", async () => {
    const given = setUp([37, 6]);
    const { data, tensors, channels } = given;
    tensors.gamma.requiresGrad = false;
    await outcome(batchNormGelu, given, true);
    const composed = { ...data, moments: momentsReference(data.x, channels), eps };
    const want = batchNormGeluGradReference(data.x, data.dy, true, composed);
    expect(largestError(await gradientOf(tensors.x), want.dx)).toBeLessThan(5e-6);
    expect(largestError(await gradientOf(tensors.beta), want.dbeta)).toBeLessThan(5e-6);
    expect(tensors.gamma.grad).toBeNull();
  });

  it("is what nn.BatchNorm runs when asked for GELU", async () => {
    const norm = new nn.BatchNorm(gpu, { channels: 3 });
    const x = gpu.tensor(noise(21), [7, 3]);
    const fused = await norm.forward(x, { training: true, gelu: true }).data();
    const separate = await gelu(norm.forward(x, { training: true })).data();
    expect(largestError(fused, separate)).toBeLessThan(1e-6);
    expect(() => norm.forward(x, { relu: {}, gelu: true })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [BatchNorm] takes one of 'relu' and 'gelu', but got both (in BatchNorm)]`,
    );
    expect(() => norm.forward(gpu.zeros([7, 4]), { gelu: true })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [batchNormGelu] 'gamma' must be [4] to match the channels of x [7, 4], but got [3] (in BatchNorm)]`,
    );
  });
});
