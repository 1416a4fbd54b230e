/** batchNormReluDropout with a max-pool behind it: against float64, against the ops one after the other, and against finite differences. */
import { describe, expect, it } from "vitest";
import { batchNorm, batchNormReluDropout, dropout, maxPool2d, relu, type Tensor } from "wgrad";
import { batchNormReluDropoutGradReference, batchNormReluDropoutReference, gradcheck } from "wgrad/testing";
import { momentsReference, runningReference } from "../../src/kernels/batch-norm/batch-norm.reference.ts";
import { noise } from "../../src/kernels/cases.ts";
import { maxPoolGradReference, maxPoolReference } from "../../src/kernels/max-pool.reference.ts";
import { batchNormInputs, gradientOf, kindsOf, outcomeOf, threeSteps } from "../support/batch-norm.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { dotLoss, leaveOldMemory } from "../support/ops.ts";

const eps = 2e-5;

interface Options {
  readonly training: boolean;
  readonly rate?: number;
  readonly size?: number;
  readonly stride?: number;
}

const setUp = (shape: readonly number[]) => batchNormInputs(shape, { gammaAround: 0.5 });
type Tensors = ReturnType<typeof setUp>["tensors"];

const poolOf = ({ size = 2, stride = size }: Options) => ({ size, stride });

function fused({ x, gamma, beta, runningMean, runningVar }: Tensors, options: Options): Tensor {
  const { training, rate = 0 } = options;
  const statistics = { runningMean, runningVar, training };
  const pool = poolOf(options);
  return batchNormReluDropout(x, gamma, beta, { ...statistics, rate, rng: gpu.rng(3), pool });
}

function apart({ x, gamma, beta, runningMean, runningVar }: Tensors, options: Options): Tensor {
  const { training, rate = 0 } = options;
  const positive = relu(batchNorm(x, gamma, beta, { runningMean, runningVar, training }));
  return maxPool2d(dropout(positive, { rate, training, rng: gpu.rng(3) }), poolOf(options));
}

async function outcome(
  op: typeof fused,
  { tensors }: ReturnType<typeof setUp>,
  options: Options,
  dy?: Float32Array,
) {
  const y = op(tensors, options).keep();
  dotLoss(y, Float32Array.from(dy ?? noise(y.size, 2))).backward();
  return outcomeOf(y, tensors);
}

describe("batchNormReluDropout with a pool", () => {
  for (const shape of [
    [1, 2, 2, 4],
    [3, 4, 2, 8],
    [2, 6, 10, 12],
    // What only the ops apart can: channels that don't come in fours, odd extents.
    [2, 6, 4, 5],
    [2, 5, 7, 8],
  ] as const) {
    for (const training of [true, false]) {
      it(`${training ? "training" : "evaluation"} [${shape}] matches float64`, async () => {
        const given = setUp(shape);
        const { data, channels, rows } = given;
        const [images, height, width] = shape;
        const windows = { size: [2, 2], stride: [2, 2], padding: [0, 0] } as const;
        const pool = { images, height, width, channels, ...windows };
        const got = await outcome(fused, given, { training });
        const running = { mean: Float64Array.from(data.mean), variance: Float64Array.from(data.variance) };
        const batch = momentsReference(data.x, channels);
        const moments = training ? batch : running;
        const moved = training ? runningReference(data, batch, rows, 0.1) : running;
        const composed = { gamma: data.gamma, beta: data.beta, moments, eps, ticket: [], rate: 0 };
        const before = batchNormReluDropoutReference(data.x, composed);
        const { y } = maxPoolReference(before, pool);
        expect(largestError(got.y, y)).toBeLessThan(2e-6);
        expect(largestError(got.runningMean, moved.mean)).toBeLessThan(1e-6);
        expect(largestError(got.runningVar, moved.variance)).toBeLessThan(1e-6);
        const gradient = maxPoolGradReference(before, noise(y.length, 2), pool);
        const want = batchNormReluDropoutGradReference(data.x, gradient, training, composed);
        // With few rows dx is what is left of terms that cancel, each as large as the gradient in evaluation.
        const { dx: terms } = batchNormReluDropoutGradReference(data.x, gradient, false, composed);
        const scale = terms.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expect(largestError(got.dx, want.dx, scale)).toBeLessThan(2e-6);
        expect(largestError(got.dgamma, want.dgamma, scale)).toBeLessThan(5e-6);
        expect(largestError(got.dbeta, want.dbeta)).toBeLessThan(5e-6);
      });
    }
  }

  it.each([
    ["dropout", { training: true, rate: 0.3 }],
    ["windows of 3", { training: true, size: 3 }],
    ["windows that overlap", { training: true, stride: 1 }],
  ] as const)("does with %s what the ops do one after the other", async (_, options) => {
    const [one, other] = [
      await outcome(fused, setUp([3, 6, 6, 8]), options),
      await outcome(apart, setUp([3, 6, 6, 8]), options),
    ];
    for (const name of ["y", "dx", "dgamma", "dbeta"] as const)
      expect(largestError(one[name], other[name])).toBeLessThan(3e-6);
  });

  it("gives the first of equal maxima the gradient, and none where ReLU lets nothing through", async () => {
    const run = async (op: typeof fused) => {
      const given = setUp([2, 4, 4, 8]);
      const { x } = given.data;
      x.forEach((value, k) => {
        x[k] = Math.round(value);
      });
      given.tensors.x.write(x);
      return outcome(op, given, { training: false });
    };
    const [one, other] = [await run(fused), await run(apart)];
    const places = (values: Float32Array) => Array.from(values, (value) => value !== 0);
    expect(places(one.dx)).toEqual(places(other.dx));
    expect(one.y.filter((value) => value === 0).length).toBeGreaterThan(0);
    expect(largestError(one.dx, other.dx)).toBeLessThan(1e-6);
  });

  it("has NaN and Infinity where the ops apart have them, in the output and in all gradients", async () => {
    for (const training of [true, false]) {
      const run = async (op: typeof fused) => {
        const given = setUp([2, 4, 6, 8]);
        const { x } = given.data;
        // In evaluation, an infinity that ReLU stops makes 0 Infinity in the sums of the ops apart, and isn't a term here: tested below.
        const special = [Number.NaN, Number.POSITIVE_INFINITY, training ? Number.NEGATIVE_INFINITY : -9];
        for (const [k, value] of special.entries())
          for (let row = 0; row < 5; row++) x[(3 + 2 * row) * 8 + k] = value;
        given.tensors.x.write(x);
        const dy = noise((2 * 4 * 6 * 8) / 4, 2);
        dy.fill(Number.NaN, 4 * 8 + 4, 4 * 8 + 6);
        return kindsOf(await outcome(op, given, { training }, dy));
      };
      const [one, other] = [await run(fused), await run(apart)];
      expect(other.y.filter(Number.isNaN).length).toBeGreaterThan(0);
      expect(one).toEqual(other);
    }
  });

  it("has no NaN in gamma's gradient from an infinity in evaluation that ReLU stops", async (context) => {
    if (!gpu.info.isSoftware) context.skip("on this adapter the ops run one after the other");
    for (const place of [0, 1, 6, 7]) {
      const given = setUp([1, 2, 6, 4]);
      const x = given.data.x.fill(-9);
      x[place * 4 + 1] = Number.NEGATIVE_INFINITY;
      given.tensors.x.write(x);
      const { y, dgamma, dbeta } = await outcome(fused, given, { training: false });
      expect([...y, ...dgamma, ...dbeta].filter((value) => !Number.isFinite(value))).toEqual([]);
    }
  });

  it("has the derivative's gradient by finite differences", async () => {
    // Far from ReLU's kink, and windows' maxima far from one another.
    const x = Float32Array.from({ length: 64 }, (_, k) => ((k * 37) % 64) / 16 - 2.03);
    for (const training of [true, false]) {
      const gamma = gpu.tensor(noise(4, 3).map((value) => value + 2));
      const beta = gpu.tensor(noise(4, 4).map((value) => 0.1 * value));
      const op = (x: Tensor, g: Tensor, b: Tensor) => {
        const running = { runningMean: gpu.zeros([4]), runningVar: gpu.full([4], 1) };
        return batchNormReluDropout(x, g, b, { ...running, training, pool: { size: 2 } });
      };
      await gradcheck(op, [gpu.tensor(x, [1, 4, 4, 4]), gamma, beta]);
    }
  });

  it("overwrites old memory, and computes only the gradients that are wanted", async () => {
    const shape = [2, 4, 6, 8];
    const wanted = await outcome(fused, setUp(shape), { training: true });
    const { tensors } = setUp(shape);
    tensors.gamma.requiresGrad = false;
    const counts = [384, 96, 24, 8];
    leaveOldMemory(gpu, counts);
    const y = fused(tensors, { training: true });
    leaveOldMemory(gpu, counts);
    dotLoss(y, noise(y.size, 2)).backward();
    expect(await gradientOf(tensors.x)).toEqual(wanted.dx);
    expect(await gradientOf(tensors.beta)).toEqual(wanted.dbeta);
    expect(tensors.gamma.grad).toBeNull();
  });

  it("has the same bits again, eager or recorded", async () => {
    const run = (isRecorded: boolean) => {
      const { gamma, beta, runningMean, runningVar, x } = setUp([4, 8, 6, 8]).tensors;
      const options = { runningMean, runningVar, training: true, pool: { size: 2 } };
      const op = (input: Tensor) => batchNormReluDropout(input, gamma, beta, options);
      return threeSteps({ x, gamma, beta, runningMean, runningVar }, op, isRecorded);
    };
    const eager = await run(false);
    expect(await run(false)).toEqual(eager);
    expect(await run(true)).toEqual(eager);
  });

  it("says what is wrong", () => {
    const { x, gamma, beta, ...running } = setUp([2, 3, 3, 4]).tensors;
    const options = { ...running, training: true };
    expect(() =>
      batchNormReluDropout(x, gamma, beta, { ...options, pool: { size: 4 } }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [batchNormReluDropout pool] 'size' [4, 4] must not exceed the height and width of x [2, 3, 3, 4]; pool less often or with a smaller window]`,
    );
    const { tensors: rows } = setUp([6, 4]);
    expect(() =>
      batchNormReluDropout(rows.x, rows.gamma, rows.beta, { ...options, pool: { size: 2 } }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [batchNormReluDropout pool] 'x' must be [N, H, W, C], but got [6, 4]]`,
    );
  });
});
