/** Schedules against values worked out by hand. */
import { describe, expect, it } from "vitest";
import { optim } from "wgrad";

describe("stepDecay", () => {
  it("halves every 25 epochs, counted from the start of the run", () => {
    const rate = optim.stepDecay({ lr: 0.1 });
    expect([0, 24, 25, 49, 50, 299].map(rate)).toEqual([0.1, 0.1, 0.05, 0.05, 0.025, 0.1 / 2 ** 11]);
    const quick = optim.stepDecay({ lr: 0.01, every: 3 });
    expect([0, 1, 2, 3, 4, 5, 6].map(quick)).toEqual([0.01, 0.01, 0.01, 0.005, 0.005, 0.005, 0.0025]);
    expect(() => optim.stepDecay({ lr: 1, every: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [stepDecay] 'every' must be a positive integer, but got 0]`,
    );
  });
});

describe("triangular", () => {
  it("rises to the peak, falls to the end, and stays there", () => {
    const rate = optim.triangular({ lr: 8, epochs: 20, start: 0.25, peak: 0.2, end: 0.125 });
    expect([0, 2, 4, 12, 20, 21].map(rate)).toEqual([2, 5, 8, 4.5, 1, 1]);
  });

  it("has airbench's defaults", () => {
    const rate = optim.triangular({ lr: 1, epochs: 100 });
    expect([0, 23, 61.5, 100].map((epoch) => Number(rate(epoch).toFixed(12)))).toEqual([0.2, 1, 0.535, 0.07]);
  });

  it("says what is wrong", () => {
    expect(() => optim.triangular({ lr: 1, epochs: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [triangular] 'epochs' must be above 0, but got 0]`,
    );
    expect(() => optim.triangular({ lr: 1, epochs: 1, peak: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [triangular] 'peak' must lie between 0 and 1, but got 1]`,
    );
  });
});
