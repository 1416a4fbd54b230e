/** Images a second and the time left, with a clock of our own and calls as `fit` makes them: up to three steps ahead of the GPU. */
import { describe, expect, it } from "vitest";
import { type Estimate, Speed } from "../../examples/cifar100/speed.ts";

interface Run {
  readonly stepSeconds: number;
  readonly validationSeconds: number;
  readonly stepsPerEpoch: number;
  readonly epochs: number;
  /** Steps between two looks at the metrics. */
  readonly metricsEvery: number;
}

const batch = 10;
const testImages = 20;
const ahead = 3;

/** For each call what is estimated, and what was really left. */
function simulate({ stepSeconds, validationSeconds, stepsPerEpoch, epochs, metricsEvery }: Run) {
  let now = 0;
  const speed = new Speed(testImages, () => 1000 * now);
  const imagesPerEpoch = stepsPerEpoch * batch;
  const whole = epochs * (stepsPerEpoch * stepSeconds + validationSeconds);
  const seen: { readonly estimate: Estimate | undefined; readonly left: number; readonly epoch: number }[] =
    [];
  const call = (iteration: number, done: number, validated: number): void => {
    const images = iteration * batch;
    const [epoch, position] = [Math.floor(images / imagesPerEpoch), images % imagesPerEpoch];
    const metrics = { loss: 1, accuracy: 0, correct: 0, count: done * batch };
    const estimate = speed.update({
      ...{ epoch, epochs, iteration, position, imagesPerEpoch, batch, validated },
      phase: validated > 0 ? "validation" : "training",
      metrics: done > 0 ? metrics : undefined,
    });
    seen.push({ estimate, left: whole - now, epoch: Math.floor((iteration - 1) / stepsPerEpoch) });
  };
  for (let epoch = 0; epoch < epochs; epoch++) {
    const began = now;
    for (let step = 1; step <= stepsPerEpoch; step++) {
      now = Math.max(now + 0.001, began + (step - ahead) * stepSeconds);
      const finished = Math.max(0, step - ahead);
      call(epoch * stepsPerEpoch + step, finished - (finished % metricsEvery), 0);
    }
    now = began + stepsPerEpoch * stepSeconds;
    for (const validated of [testImages / 2, testImages]) {
      call((epoch + 1) * stepsPerEpoch, stepsPerEpoch, validated);
      now += validationSeconds / 2;
    }
    speed.endEpoch(imagesPerEpoch, batch / stepSeconds);
  }
  return seen;
}

describe("the speed of a run", () => {
  it("is right as soon as it's said, though the host runs ahead", () => {
    const seen = simulate({
      ...{ stepSeconds: 4, validationSeconds: 3, stepsPerEpoch: 390, epochs: 20, metricsEvery: 1 },
    });
    expect(seen.findIndex(({ estimate }) => estimate !== undefined)).toBe(4);
    for (const { estimate, left } of seen.slice(4)) {
      expect(estimate?.imagesPerSecond).toBeCloseTo(2.5, 2);
      expect(Math.abs((estimate?.secondsLeft ?? 0) - left)).toBeLessThan(0.02 * left + 15);
    }
  });

  it.each([1, 2, 3, 4])(
    "of epochs of %i steps isn't said before the first is done, then is right",
    (stepsPerEpoch) => {
      const seen = simulate({
        ...{ stepSeconds: 2, validationSeconds: 1, stepsPerEpoch, epochs: 10, metricsEvery: 1 },
      });
      for (const { estimate, epoch } of seen) {
        if (epoch === 0) expect(estimate).toBeUndefined();
        else expect(estimate?.imagesPerSecond).toBeCloseTo(5, 6);
      }
      const later = seen.filter(({ epoch }) => epoch > 1);
      for (const { estimate, left } of later)
        expect(Math.abs((estimate?.secondsLeft ?? 0) - left)).toBeLessThan(ahead * 2 + 1.5);
    },
  );

  it("follows what the last ten seconds were like", () => {
    let now = 0;
    const speed = new Speed(testImages, () => 1000 * now);
    const step = (iteration: number) => {
      const metrics = { loss: 1, accuracy: 0, correct: 0, count: iteration * batch };
      return speed.update({
        ...{ epoch: 0, epochs: 1, iteration, position: 0, imagesPerEpoch: 10_000, batch, validated: 0 },
        ...{ phase: "training", metrics },
      })?.imagesPerSecond;
    };
    for (let k = 0; k < 100; k++) {
      now += 0.1;
      step(k);
    }
    expect(step(100)).toBeCloseTo(100, 0);
    for (let k = 101; k < 112; k++) {
      now += 1;
      step(k);
    }
    expect(step(112)).toBeCloseTo(10, 0);
  });
});
