import { describe, expect, it } from "vitest";
import type { train } from "wgrad";
import { Curve, stepsBetweenPoints } from "../../examples/cifar100/web/worker/curve.ts";

function progress(
  iteration: number,
  metrics?: { loss: number; correct: number; count: number },
): train.Progress {
  const imagesPerEpoch = 100;
  const images = iteration * 10;
  return {
    ...{
      epoch: Math.floor(images / imagesPerEpoch),
      epochs: 5,
      iteration,
      position: images % imagesPerEpoch,
    },
    ...{ imagesPerEpoch, batch: 10, phase: "training", validated: 0 },
    metrics: metrics && { ...metrics, accuracy: metrics.correct / metrics.count },
  };
}

/** Of the epoch's images so far: how many, their mean loss, the right answers. */
const sums = (count: number, loss: number, correct: number) => ({ count, loss, correct });

describe("the live curve", () => {
  it("gives means since the last look, where the images were that were seen", () => {
    const curve = new Curve();
    expect(curve.update(progress(1))).toBeUndefined();
    expect(curve.update(progress(3, sums(20, 4, 2)))).toEqual({
      ...{ iteration: 2, epoch: 0.2, loss: 4, accuracy: 0.1 },
    });
    expect(curve.update(progress(4, sums(20, 4, 2)))).toBeUndefined();
    expect(curve.update(progress(6, sums(40, 3, 14)))).toEqual({
      ...{ iteration: 4, epoch: 0.4, loss: 2, accuracy: 0.6 },
    });
  });

  it("begins again with the epoch, whose metrics come late", () => {
    const curve = new Curve();
    curve.update(progress(9, sums(80, 4, 0)));
    expect(curve.update(progress(10, sums(80, 4, 0)))).toBeUndefined();
    expect(curve.update(progress(11))).toBeUndefined();
    expect(curve.update(progress(12, sums(20, 1, 20)))).toEqual({
      ...{ iteration: 12, epoch: 1.2, loss: 1, accuracy: 1 },
    });
  });

  it("has a point for an epoch that's over before anybody looked", () => {
    const curve = new Curve();
    for (const iteration of [1, 2, 10]) expect(curve.update(progress(iteration))).toBeUndefined();
    const validation = { ...progress(10, sums(100, 4, 25)), phase: "validation" as const };
    expect(curve.update(validation)).toEqual({ iteration: 10, epoch: 1, loss: 4, accuracy: 0.25 });
    expect(curve.update(validation)).toBeUndefined();
  });

  it("doesn't take an epoch's beginning again for what came after a break", () => {
    const curve = new Curve();
    curve.update(progress(4, sums(40, 4, 0)));
    curve.update(progress(6)); // went on: nothing is known yet
    expect(curve.update(progress(8, sums(60, 3, 20)))).toMatchObject({ loss: 1, accuracy: 1 });
    const reloaded = new Curve(curve.points, 6);
    expect(reloaded.update(progress(8, sums(60, 3, 20)))).toBeUndefined();
    expect(reloaded.update(progress(9, sums(80, 2.5, 20)))).toMatchObject({
      iteration: 8,
      loss: 1,
      accuracy: 0,
    });
    expect(reloaded.points.map(({ iteration }) => iteration)).toEqual([4, 6, 8]);
  });

  it("goes on from an earlier part, and keeps every second point of many", () => {
    const earlier = Array.from({ length: 1999 }, (_, k) => ({
      iteration: k,
      epoch: k,
      loss: 1,
      accuracy: 0,
    }));
    const curve = new Curve(earlier);
    curve.update(progress(5001, sums(10, 1, 1)));
    expect(curve.points).toHaveLength(1000);
    expect(curve.points.at(-1)?.iteration).toBe(5001);
    expect(curve.points[0]?.iteration).toBe(1);
  });

  it.each([
    [3, 1],
    [1000, 1],
    [4000, 4],
    [117_300, 20],
  ])("of %i steps looks every %i", (steps, between) => expect(stepsBetweenPoints(steps)).toBe(between));
});
