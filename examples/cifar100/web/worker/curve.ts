/** Live curves from what `fit` knows: means of the epoch so far become means since the last look. */
import type { train } from "wgrad";
import type { CurvePoint } from "../protocol.ts";

/** A curve is thinned to half when it has so many points. */
const mostPoints = 2000;
/** A run of fewer steps gets a point for each. */
const wantedPoints = 1000;
/** Farther apart, a long run's beginning would be coarse. */
const mostSteps = 20;

/** Steps between two looks at the metrics of a run that takes so many. */
export function stepsBetweenPoints(steps: number): number {
  return Math.max(1, Math.min(mostSteps, Math.ceil(steps / wantedPoints)));
}

export class Curve {
  #points: CurvePoint[];
  /** Up to here the run had come before: of its epoch the sums are known, but not what they were then. */
  readonly #resumedAt: number;
  /** Of the epoch under way, and what was known of it when it was last looked at. */
  #epoch = -1;
  #count = 0;
  #loss = 0;
  #correct = 0;

  /** @param points those of an earlier part of the run, which ended at the step `resumedAt` */
  constructor(points: readonly CurvePoint[] = [], resumedAt = 0) {
    this.#points = [...points];
    this.#resumedAt = resumedAt;
  }

  get points(): readonly CurvePoint[] {
    return this.#points;
  }

  /** The point that this progress adds, if it knows something new. An epoch's last one comes with its validation. */
  update({ metrics, iteration: given, batch, imagesPerEpoch }: train.Progress): CurvePoint | undefined {
    const epoch = Math.floor(((given - 1) * batch) / imagesPerEpoch);
    if (epoch !== this.#epoch) this.#look(0, 0, 0);
    this.#epoch = epoch;
    const count = (metrics?.count ?? 0) - this.#count;
    if (!metrics || count <= 0) return undefined;
    const began = Math.ceil((epoch * imagesPerEpoch) / batch);
    const isBaseline = this.#count === 0 && began < this.#resumedAt;
    const total = metrics.loss * metrics.count;
    const iteration = began + metrics.count / batch; // steps were given since, whose metrics aren't here yet
    const point: CurvePoint = {
      iteration,
      epoch: (iteration * batch) / imagesPerEpoch,
      loss: (total - this.#loss) / count,
      accuracy: (metrics.correct - this.#correct) / count,
    };
    this.#look(metrics.count, total, metrics.correct);
    if (isBaseline) return undefined;
    this.#points.push(point);
    if (this.#points.length >= mostPoints) this.#points = this.#points.filter((_, k) => k % 2 === 1);
    return point;
  }

  #look(count: number, loss: number, correct: number): void {
    this.#count = count;
    this.#loss = loss;
    this.#correct = correct;
  }
}
