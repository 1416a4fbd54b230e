import { describe, expect, it } from "vitest";
import type { train } from "wgrad";
import { Curve } from "../../examples/cifar100/web/worker/curve.ts";

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

describe("the live curve", () => {
  it("gives means since the last look", () => {
    const curve = new Curve();
    expect(curve.update(progress(1))).toBeUndefined();
    expect(curve.update(progress(3, { loss: 4, correct: 2, count: 20 }))).toEqual({
      ...{ iteration: 3, epoch: 0.3, loss: 4, accuracy: 0.1 },
    });
    expect(curve.update(progress(4, { loss: 4, correct: 2, count: 20 }))).toBeUndefined();
    expect(curve.update(progress(5, { loss: 3, correct: 14, count: 40 }))).toEqual({
      ...{ iteration: 5, epoch: 0.5, loss: 2, accuracy: 0.6 },
    });
  });

  it("begins again with the epoch, whose metrics come late", () => {
    const curve = new Curve();
    curve.update(progress(9, { loss: 4, correct: 0, count: 80 }));
    expect(curve.update(progress(10, { loss: 4, correct: 0, count: 80 }))).toBeUndefined();
    expect(curve.update(progress(11))).toBeUndefined();
    expect(curve.update(progress(12, { loss: 1, correct: 20, count: 20 }))).toMatchObject({
      loss: 1,
      accuracy: 1,
    });
  });

  it("looks at training only", () => {
    const curve = new Curve();
    const validation = { ...progress(10, { loss: 4, correct: 0, count: 80 }), phase: "validation" as const };
    expect(curve.update(validation)).toBeUndefined();
    expect(curve.points).toEqual([]);
  });

  it("goes on from an earlier part, and keeps every second point of many", () => {
    const earlier = Array.from({ length: 1999 }, (_, k) => ({
      iteration: k,
      epoch: k,
      loss: 1,
      accuracy: 0,
    }));
    const curve = new Curve(earlier);
    curve.update(progress(5000, { loss: 1, correct: 1, count: 10 }));
    expect(curve.points).toHaveLength(1000);
    expect(curve.points.at(-1)?.iteration).toBe(5000);
    expect(curve.points[0]?.iteration).toBe(1);
  });
});
