/** Live curves from what `fit` knows: means of the epoch so far become means since the last look. */
import type { train } from "wgrad";
import type { CurvePoint } from "../protocol.ts";

/** A curve is thinned to half when it has so many points. */
const mostPoints = 2000;

export class Curve {
  #points: CurvePoint[];
  #count = 0;
  #loss = 0;
  #correct = 0;

  constructor(points: readonly CurvePoint[] = []) {
    this.#points = [...points];
  }

  get points(): readonly CurvePoint[] {
    return this.#points;
  }

  /** The point that this progress adds, if it knows something new. */
  update(progress: train.Progress): CurvePoint | undefined {
    const { metrics, epoch, iteration, position, imagesPerEpoch, phase } = progress;
    // None are known at an epoch's start: sums begin again.
    if (!metrics || metrics.count < this.#count) this.#begin();
    if (!metrics || phase !== "training") return undefined;
    const count = metrics.count - this.#count;
    if (count <= 0) return undefined;
    const total = metrics.loss * metrics.count;
    const point: CurvePoint = {
      iteration,
      epoch: epoch + position / imagesPerEpoch,
      loss: (total - this.#loss) / count,
      accuracy: (metrics.correct - this.#correct) / count,
    };
    this.#count = metrics.count;
    this.#loss = total;
    this.#correct = metrics.correct;
    this.#points.push(point);
    if (this.#points.length >= mostPoints) this.#points = this.#points.filter((_, k) => k % 2 === 1);
    return point;
  }

  #begin(): void {
    this.#count = 0;
    this.#loss = 0;
    this.#correct = 0;
  }
}
