/** Schedules against values worked out by hand. */
import { describe, expect, it } from "vitest";
import { optim } from "wgrad";
import fixture from "./fixtures/optim.json" with { type: "json" };

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

/** Rates rounded to 9 digits behind the point, for comparison with what a formula gives by hand. */
function rates(schedule: optim.Schedule, epochs: readonly number[]): number[] {
  return epochs.map((epoch) => Number(schedule(epoch).toFixed(9)));
}

describe("linear and cosine", () => {
  it("fall from the start to the end, and stay there", () => {
    expect(rates(optim.linear({ lr: 4, epochs: 8 }), [0, 2, 6.5, 8, 9])).toEqual([4, 3, 0.75, 0, 0]);
    expect(rates(optim.linear({ lr: 4, epochs: 8, start: 0.5, end: 1 }), [0, 4, 8])).toEqual([2, 3, 4]);
    const half = Number((2 * (1 + Math.SQRT1_2)).toFixed(9));
    expect(rates(optim.cosine({ lr: 4, epochs: 8 }), [0, 2, 4, 8, 9])).toEqual([4, half, 2, 0, 0]);
    expect(rates(optim.cosine({ lr: 4, epochs: 8, end: 0.25 }), [0, 4, 8])).toEqual([4, 2.5, 1]);
  });
});

describe("oneCycle", () => {
  it("rises and falls by half a cosine each", () => {
    const schedule = optim.oneCycle({ lr: 1, epochs: 20, peak: 0.4, start: 0.2, end: 0.1 });
    expect(rates(schedule, [0, 4, 8, 14, 20, 21])).toEqual([0.2, 0.6, 1, 0.55, 0.1, 0.1]);
    expect(rates(optim.oneCycle({ lr: 25, epochs: 10 }), [0, 3, 10])).toEqual([1, 25, 0.0001]);
  });
});

describe("warmup and chain", () => {
  it("multiply, and put one after the other", () => {
    const halving = optim.stepDecay({ lr: 8, every: 2 });
    const warm = optim.warmup(halving, { epochs: 4, start: 0.5 });
    expect(rates(warm, [0, 1, 2, 3, 4, 6])).toEqual([4, 5, 3, 3.5, 2, 1]);
    expect(
      rates(
        optim.warmup(() => 3, { epochs: 1 }),
        [0, 0.5, 1],
      ),
    ).toEqual([1, 2, 3]);
    const chained = optim.chain(
      [optim.linear({ lr: 2, epochs: 2, start: 0, end: 1 }), warm, () => 7],
      [2, 8],
    );
    expect(rates(chained, [0, 1, 2, 3, 6, 7.5, 8, 100])).toEqual([0, 1, 4, 5, 2, 2, 7, 7]);
  });

  it("are what PyTorch's schedulers give", () => {
    const schedules = {
      linear: optim.linear({ lr: 0.1, epochs: 4, start: 0.25, end: 1 }),
      cosine: optim.cosine({ lr: 0.1, epochs: 10, end: 0.05 }),
      warmup: optim.warmup(optim.stepDecay({ lr: 0.1, factor: 0.3, every: 3 }), { epochs: 5 }),
      chain: optim.chain(
        [optim.linear({ lr: 0.1, epochs: 3, start: 0.1, end: 1 }), optim.cosine({ lr: 0.1, epochs: 7 })],
        [3],
      ),
    };
    for (const [name, schedule] of Object.entries(schedules)) {
      const byName: Readonly<Record<string, number[]>> = fixture.schedules;
      const expected = byName[name] ?? [];
      expect(expected).toHaveLength(10);
      for (const [epoch, rate] of expected.entries())
        expect(schedule(epoch), `${name} ${epoch}`).toBeCloseTo(rate, 12);
    }
  });

  it("say what is wrong", () => {
    expect(() => optim.chain([() => 1], [3])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [chain] 1 schedules take 0 ascending milestones, but got [3]]`,
    );
    expect(() => optim.chain([() => 1, () => 2, () => 3], [3, 2])).toThrow(/ascending/);
    expect(() => optim.warmup(() => 1, { epochs: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [warmup] 'epochs' must be above 0, but got 0]`,
    );
    expect(() => optim.oneCycle({ lr: 1, epochs: 3, peak: 0 })).toThrow(/\[oneCycle\] 'peak'/);
  });
});
