/** dropout: masks that are right on average, differ where they must, and repeat where they must. Seeds are fixed. */

import { describe, expect, it } from "vitest";
import { dropout, type Rng } from "wgrad";
import { gpu } from "../support/gpu.ts";
import { dotLoss, leaveOldMemory } from "../support/ops.ts";

const million = 1_000_000;

/** A training step's output on ones. */
function draw(rng: Rng, rate: number, count: number): Promise<Float32Array> {
  return gpu.scope(() => dropout(gpu.full([count], 1), { rate, training: true, rng })).data();
}

const share = (values: Float32Array, matches: (value: number, index: number) => boolean) =>
  values.reduce((count, value, k) => count + (matches(value, k) ? 1 : 0), 0) / values.length;

const agreement = (a: Float32Array, b: Float32Array) => share(a, (value, k) => value === b[k]);

/** Correlation of "dropped" at distance `lag`, in standard deviations of what independence gives. */
function correlation(a: Float32Array, b: Float32Array, lag: number, rate: number): number {
  const count = a.length - lag;
  let sum = 0;
  for (let k = 0; k < count; k++) sum += ((a[k] === 0 ? 1 : 0) - rate) * ((b[k + lag] === 0 ? 1 : 0) - rate);
  return sum / (rate * (1 - rate)) / Math.sqrt(count);
}

describe("dropout", () => {
  for (const rate of [0.3, 0.4, 0.5, 0.01, 0.99]) {
    it(`rate ${rate}: share dropped, mean and independence over a million draws`, async () => {
      const rng = gpu.rng(11);
      const first = await draw(rng, rate, million);
      const second = await draw(rng, rate, million);
      const deviation = Math.sqrt((rate * (1 - rate)) / million);
      const dropped = share(first, (value) => value === 0);
      expect(Math.abs(dropped - rate) / deviation).toBeLessThan(4);
      const mean = first.reduce((sum, value) => sum + value, 0) / million;
      expect(Math.abs(mean - 1) / (deviation / (1 - rate))).toBeLessThan(4);
      // Neighbours in a vec4, vec4s, rows; the same place of the next draw, and its neighbours.
      for (const lag of [1, 2, 3, 4, 64, 1024]) {
        expect(Math.abs(correlation(first, first, lag, rate)), `lag ${lag}`).toBeLessThan(4.5);
      }
      for (const lag of [0, 1, 4]) {
        expect(Math.abs(correlation(first, second, lag, rate)), `next draw, lag ${lag}`).toBeLessThan(4.5);
      }
    });
  }

  it("drops other units each step, in each layer, for each seed (Paddle 17913)", async () => {
    const count = 10_000;
    const run = async (seed: number, draws: number) => {
      const rng = gpu.rng(seed);
      const masks: Float32Array[] = [];
      for (let step = 0; step < draws; step++) masks.push(await draw(rng, 0.5, count));
      return masks;
    };
    // Five steps of a model with two layers are ten draws of one stream.
    const masks = await run(7, 10);
    const all = [...masks, ...(await run(8, 1))];
    all.forEach((a, i) => {
      for (const b of all.slice(i + 1)) expect(Math.abs(agreement(a, b) - 0.5)).toBeLessThan(0.025);
      expect(new Set(a)).toEqual(new Set([0, 2]));
    });
    expect(await run(7, 10)).toEqual(masks);
  });

  it("continues where a restored stream was", async () => {
    const rng = gpu.rng(2 ** 40 + 7);
    await draw(rng, 0.5, 100);
    const state = await rng.state();
    expect(state).toEqual({ seed: 2 ** 40 + 7, draws: 1 });
    const expected = await draw(rng, 0.5, 1000);
    const other = gpu.rng(2 ** 40 + 7);
    other.restore(state);
    expect(await draw(other, 0.5, 1000)).toEqual(expected);
  });

  it("refuses a state without a number of draws", () => {
    expect(() => gpu.rng(7).restore({ seed: 7, draws: Number.NaN })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [rng] 'draws' of the state must be an integer, 0 or more, but is NaN]`,
    );
  });

  it("uses the same mask in backward, also after other draws, and overwrites old memory", async () => {
    const count = 10_007;
    const rng = gpu.rng(5);
    const x = gpu.tensor(new Float32Array(count).fill(3), [count], { requiresGrad: true });
    leaveOldMemory(gpu, [count]);
    const y = dropout(x, { rate: 0.4, training: true, rng });
    const values = await y.data();
    expect(new Set(values)).toEqual(new Set([0, 5]));
    await draw(rng, 0.4, 100);
    leaveOldMemory(gpu, [count]);
    dotLoss(y, new Float32Array(count).fill(3)).backward();
    expect(await x.grad?.data()).toEqual(values);
  });

  it("drops NaN and Infinity to 0 and keeps them otherwise", async () => {
    const count = 1000;
    for (const special of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const y = dropout(gpu.full([count], special), { rate: 0.5, training: true, rng: gpu.rng(3) });
      const values = await y.data();
      expect(new Set(values)).toEqual(new Set([0, special]));
    }
  });

  it("is the identity in evaluation and at rate 0, and draws nothing", async () => {
    const rng = gpu.rng(1);
    const x = gpu.full([5], 1);
    expect(dropout(x, { rate: 0.5, training: false, rng })).toBe(x);
    expect(dropout(x, { rate: 0.5, training: false })).toBe(x);
    expect(dropout(x, { rate: 0, training: true, rng })).toBe(x);
    expect((await rng.state()).draws).toBe(0);
  });

  it("says what is wrong", () => {
    const x = gpu.full([5], 1);
    const rng = gpu.rng(1);
    expect(() => dropout(x, { rate: 1, training: true, rng })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [dropout] 'rate' must be at least 0 and below 1, but got 1]`,
    );
    expect(() => dropout(x, { rate: -0.1, training: false })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [dropout] 'rate' must be at least 0 and below 1, but got -0.1]`,
    );
    expect(() => dropout(x, { rate: Number.NaN, training: true, rng })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [dropout] 'rate' must be at least 0 and below 1, but got NaN]`,
    );
    expect(() => dropout(x, { rate: 0.5, training: true })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [dropout] 'rng' is needed in training; make one with gpu.rng(seed) and use it for all layers]`,
    );
  });
});
