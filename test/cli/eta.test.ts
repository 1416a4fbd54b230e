/** The time to finish, from the first steps on: with a clock of our own, and calls as `fit` makes them. */
import { describe, expect, it } from "vitest";
import type { train } from "wgrad";
import { type Estimate, Eta } from "../../examples/cifar100/eta.ts";

interface Run {
  readonly stepSeconds: number;
  readonly validationSeconds: number;
  readonly stepsPerEpoch: number;
  readonly epochs: number;
}

/** For each step and validation what is estimated after it, and what was really left. */
function simulate({ stepSeconds, validationSeconds, stepsPerEpoch, epochs }: Run) {
  let now = 0;
  const eta = new Eta(() => 1000 * now);
  const whole = epochs * (stepsPerEpoch * stepSeconds + validationSeconds);
  const seen: { readonly estimate: Estimate | undefined; readonly left: number; readonly phase: string }[] =
    [];
  const call = (phase: train.Progress["phase"], step: number, epoch: number, began: number) => {
    const position = phase === "training" && step === stepsPerEpoch ? 0 : (step % stepsPerEpoch) * 10;
    const estimate = eta.update({
      phase,
      epochs,
      epoch: step === stepsPerEpoch ? epoch + 1 : epoch,
      iteration: epoch * stepsPerEpoch + step,
      position,
      imagesPerEpoch: stepsPerEpoch * 10,
      batch: 10,
      metrics: undefined,
      validated: 0,
    });
    seen.push({ estimate, left: whole - began, phase });
  };
  for (let epoch = 0; epoch < epochs; epoch++) {
    const began = epoch * (stepsPerEpoch * stepSeconds + validationSeconds);
    for (let step = 1; step <= stepsPerEpoch; step++) {
      // The host gives a step at once, and waits for the one three before it.
      now = Math.max(now + 0.001, began + (step - 3) * stepSeconds);
      call("training", step, epoch, now);
    }
    now = began + stepsPerEpoch * stepSeconds + validationSeconds;
    call("validation", stepsPerEpoch, epoch, now);
  }
  return seen;
}

describe("the time to finish", () => {
  it("is right from the fourth step on, though the host runs ahead", () => {
    const seen = simulate({ stepSeconds: 4, validationSeconds: 0, stepsPerEpoch: 390, epochs: 300 });
    expect(seen.slice(0, 3).map(({ estimate }) => estimate)).toEqual([undefined, undefined, undefined]);
    for (const { estimate, left } of seen.slice(3)) {
      expect(estimate?.iterationsPerSecond).toBeCloseTo(0.25, 2);
      expect(Math.abs((estimate?.secondsLeft ?? 0) - left)).toBeLessThan(0.01 * left + 15);
    }
  });

  it("counts validations once it has seen one, and isn't thrown off by their pauses", () => {
    const seen = simulate({ stepSeconds: 0.1, validationSeconds: 10, stepsPerEpoch: 100, epochs: 10 });
    for (const { estimate, left } of seen.slice(101)) {
      expect(estimate?.iterationsPerSecond).toBeCloseTo(10, 0);
      expect(Math.abs((estimate?.secondsLeft ?? 0) - left)).toBeLessThan(0.05 * left + 12);
    }
  });

  it("is there with epochs of one step", () => {
    const seen = simulate({ stepSeconds: 2, validationSeconds: 1, stepsPerEpoch: 1, epochs: 20 });
    const { estimate, left } = seen[5] ?? {};
    expect(estimate?.secondsLeft).toBeGreaterThan(0.5 * (left ?? 0));
    expect(estimate?.secondsLeft).toBeLessThan(2 * (left ?? 0));
    expect(seen.at(-1)?.estimate?.secondsLeft).toBe(0);
  });
});
