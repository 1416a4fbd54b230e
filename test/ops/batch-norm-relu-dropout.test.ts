/** batchNormReluDropout: against float64, against the three ops one after the other, and against finite differences. */

import { describe, expect, it } from "vitest";
import { batchNorm, batchNormReluDropout, dropout, relu, type Tensor } from "wgrad";
import { batchNormReluDropoutGradReference, batchNormReluDropoutReference, gradcheck } from "wgrad/testing";
import { momentsReference, runningReference } from "../../src/kernels/batch-norm/batch-norm.reference.ts";
import { noise } from "../../src/kernels/cases.ts";
import { batchNormInputs, kindsOf, outcomeOf, threeSteps } from "../support/batch-norm.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { dotLoss, leaveOldMemory } from "../support/ops.ts";

const eps = 2e-5;
const seed = 2 ** 33 + 5;
/** The stream's first draw. */
const ticket = [seed % 2 ** 32, Math.floor(seed / 2 ** 32), 0, 0];

/** With negative factors too. */
const setUp = (shape: readonly number[]) => batchNormInputs(shape, { gammaAround: 0.5 });

type Tensors = ReturnType<typeof setUp>["tensors"];
interface Options {
  readonly training: boolean;
  readonly rate: number;
}

function fused({ x, gamma, beta, runningMean, runningVar }: Tensors, { training, rate }: Options): Tensor {
  const statistics = { runningMean, runningVar, training };
  return batchNormReluDropout(x, gamma, beta, { ...statistics, rate, rng: gpu.rng(seed) });
}

function apart({ x, gamma, beta, runningMean, runningVar }: Tensors, { training, rate }: Options): Tensor {
  const normal = batchNorm(x, gamma, beta, { runningMean, runningVar, training });
  return dropout(relu(normal), { rate, training, rng: gpu.rng(seed) });
}

const gradientOf = async (x: Tensor) => (await x.grad?.data()) ?? new Float32Array(0);

/** All that an op computes. */
async function outcome(op: typeof fused, { data, tensors }: ReturnType<typeof setUp>, options: Options) {
  const y = op(tensors, options).keep();
  dotLoss(y, data.dy).backward();
  return outcomeOf(y, tensors);
}

describe("batchNormReluDropout", () => {
  for (const shape of [
    [2, 3],
    [7, 1],
    [33, 5],
    [257, 8],
    [3, 5, 7, 12],
    [9, 132],
    [2, 3, 5, 64],
  ]) {
    for (const options of [
      { training: true, rate: 0.4 },
      { training: true, rate: 0 },
      { training: false, rate: 0.4 },
    ]) {
      const { training, rate } = options;
      it(`${training ? "training" : "evaluation"} at rate ${rate} [${shape}] matches float64`, async () => {
        const given = setUp(shape);
        const { data, channels, rows } = given;
        const { gamma, beta } = data;
        const got = await outcome(fused, given, options);
        const running = { mean: Float64Array.from(data.mean), variance: Float64Array.from(data.variance) };
        const batch = momentsReference(data.x, channels);
        const moments = training ? batch : running;
        const moved = training ? runningReference(data, batch, rows, 0.1) : running;
        const composed = { gamma, beta, moments, eps, ticket, rate: training ? rate : 0 };
        expect(largestError(got.y, batchNormReluDropoutReference(data.x, composed))).toBeLessThan(2e-6);
        expect(largestError(got.runningMean, moved.mean)).toBeLessThan(1e-6);
        expect(largestError(got.runningVar, moved.variance)).toBeLessThan(1e-6);
        const want = batchNormReluDropoutGradReference(data.x, data.dy, training, composed);
        // With few rows dx is what is left of terms that cancel, each as large as the gradient in evaluation.
        const { dx: terms } = batchNormReluDropoutGradReference(data.x, data.dy, false, composed);
        const scale = terms.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expect(largestError(got.dx, want.dx, scale)).toBeLessThan(2e-6);
        expect(largestError(got.dgamma, want.dgamma, scale)).toBeLessThan(5e-6);
        expect(largestError(got.dbeta, want.dbeta)).toBeLessThan(5e-6);
      });
    }
  }

  it("drops what dropout drops, in the same draws", async () => {
    for (const shape of [
      [131, 8],
      [131, 7],
    ]) {
      const options = { training: true, rate: 0.3 };
      const [one, other] = [
        await outcome(fused, setUp(shape), options),
        await outcome(apart, setUp(shape), options),
      ];
      expect(one.y.map((value) => Math.sign(value))).toEqual(other.y.map((value) => Math.sign(value)));
      expect(largestError(one.y, other.y)).toBeLessThan(1e-6);
      expect(largestError(one.dx, other.dx)).toBeLessThan(2e-6);
    }
  });

  it("draws once in training, never in evaluation or at rate 0", async () => {
    const rng = gpu.rng(1);
    const { x, gamma, beta, ...running } = setUp([5, 4]).tensors;
    batchNormReluDropout(x, gamma, beta, { ...running, training: false, rate: 0.5, rng });
    batchNormReluDropout(x, gamma, beta, { ...running, training: true, rate: 0, rng });
    batchNormReluDropout(x, gamma, beta, { ...running, training: true });
    expect((await rng.state()).draws).toBe(0);
    batchNormReluDropout(x, gamma, beta, { ...running, training: true, rate: 0.5, rng });
    expect((await rng.state()).draws).toBe(1);
  });

  it("has NaN and Infinity where the ops apart have them, in the output and in all gradients", async () => {
    for (const channels of [8, 7]) {
      for (const options of [
        { training: true, rate: 0.5 },
        { training: false, rate: 0.5 },
      ]) {
        const run = async (op: typeof fused) => {
          const given = setUp([41, channels]);
          const { x } = given.data;
          // Training spreads them over their channels; one in dy spreads over its channel of dx.
          for (const [k, value] of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].entries())
            for (let row = 0; row < 5; row++) x[(3 + 2 * row) * channels + k] = value;
          given.tensors.x.write(x);
          given.data.dy.fill(Number.NaN, 4 * channels + 4, 4 * channels + 6);
          return kindsOf(await outcome(op, given, options));
        };
        const [one, other] = [await run(fused), await run(apart)];
        expect(other.y.filter(Number.isNaN).length).toBeGreaterThan(0);
        expect(one).toEqual(other);
      }
    }
  });

  it("has the derivative's gradient by finite differences", async () => {
    // Far from ReLU's kink: |x̂| is 1 up to the batch's mean.
    const signs = noise(60, 9).map((value) => Math.sign(value) * (1 + 0.1 * Math.abs(value)));
    for (const channels of [4, 3, 1]) {
      for (const training of [true, false]) {
        const beta = gpu.tensor(noise(channels, 4).map((value) => 0.1 * value));
        const gamma = gpu.tensor(noise(channels, 3).map((value) => value + 2));
        const op = (x: Tensor, g: Tensor, b: Tensor) => {
          const running = { runningMean: gpu.zeros([channels]), runningVar: gpu.full([channels], 1) };
          return batchNormReluDropout(x, g, b, { ...running, training, rate: 0.3, rng: gpu.rng(2) });
        };
        await gradcheck(op, [gpu.tensor(signs, [60 / channels, channels]), gamma, beta]);
      }
    }
  });

  it("overwrites old memory, and computes only the gradients that are wanted", async () => {
    const given = setUp([37, 6]);
    const { data, tensors, channels } = given;
    tensors.gamma.requiresGrad = false;
    const counts = [37 * 6, 5 * 6, 3 * 6, 6];
    leaveOldMemory(gpu, counts);
    const y = fused(tensors, { training: true, rate: 0.5 });
    leaveOldMemory(gpu, counts);
    dotLoss(y, data.dy).backward();
    const { gamma, beta } = data;
    const composed = { gamma, beta, moments: momentsReference(data.x, channels), eps, ticket, rate: 0.5 };
    const want = batchNormReluDropoutGradReference(data.x, data.dy, true, composed);
    expect(largestError(await gradientOf(tensors.x), want.dx)).toBeLessThan(5e-6);
    expect(largestError(await gradientOf(tensors.beta), want.dbeta)).toBeLessThan(5e-6);
    expect(tensors.gamma.grad).toBeNull();
  });

  it("has the same bits again, eager or recorded, with a new mask each step", async () => {
    const run = (isRecorded: boolean) => {
      const { gamma, beta, runningMean, runningVar, x } = setUp([2, 9, 9, 8]).tensors;
      const options = { runningMean, runningVar, training: true, rate: 0.4, rng: gpu.rng(4) };
      const op = (input: Tensor) => batchNormReluDropout(input, gamma, beta, options);
      return threeSteps({ x, gamma, beta, runningMean, runningVar }, op, isRecorded);
    };
    const eager = await run(false);
    expect(await run(false)).toEqual(eager);
    expect(await run(true)).toEqual(eager);
    const [first = [], second = []] = eager.results;
    expect(first[0]).not.toBe(second[0]);
  });

  it("lets backward notice that x was overwritten", () => {
    const { data, tensors } = setUp([5, 4]);
    const loss = dotLoss(fused(tensors, { training: true, rate: 0.5 }), data.dy);
    tensors.x.write(data.dy);
    expect(() => loss.backward()).toThrow("overwritten after 'batchNormReluDropout' saved it");
  });

  it("says what is wrong", () => {
    const { x, gamma, beta, runningMean, runningVar } = setUp([2, 3, 3, 4]).tensors;
    const running = { runningMean, runningVar, training: true };
    expect(() => batchNormReluDropout(x, gpu.full([3], 1), beta, running)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [batchNormReluDropout] 'gamma' must be [4] to match the channels of x [2, 3, 3, 4], but got [3]]`,
    );
    expect(() =>
      batchNormReluDropout(x, gamma, beta, { ...running, rate: 1, rng: gpu.rng(0) }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [batchNormReluDropout] 'rate' must be at least 0 and below 1, but got 1]`,
    );
    expect(() =>
      batchNormReluDropout(x, gamma, beta, { ...running, rate: 0.5 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [batchNormReluDropout] 'rng' is needed in training; make one with gpu.rng(seed) and use it for all layers]`,
    );
  });
});
