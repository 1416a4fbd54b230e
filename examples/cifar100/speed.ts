/**
 * How fast a run is and when it will be done, from work that the GPU has finished.
 *
 * The host runs ahead: a step's call comes when its commands were only given. Metrics come back once they are computed, so images count when
 * theirs are known. Epochs that are over before that happened twice count as a whole, as the log has them.
 */
import type { train } from "wgrad";

const windowSeconds = 10;
/** Of a training step a forward pass is about a third: validations are taken for that long until one was seen. */
const validationShare = 1 / 3;

interface Interval {
  readonly seconds: number;
  readonly images: number;
}

export interface Estimate {
  readonly imagesPerSecond: number;
  readonly secondsLeft: number;
}

export class Speed {
  readonly #testImages: number;
  readonly #now: () => number;
  /** The last ones, of about `windowSeconds` together. */
  #intervals: Interval[] = [];
  /** Images of the epoch under way that were done when it was last looked at. */
  #seen: { readonly time: number; readonly images: number } | undefined;
  #measuredInEpoch = false;
  #validationBegan: number | undefined;
  #validationSeconds: number | undefined;

  /**
   * @param testImages of a validation
   * @param now milliseconds
   */
  constructor(testImages: number, now: () => number = () => performance.now()) {
    this.#testImages = testImages;
    this.#now = now;
  }

  /** Call with each progress. @returns undefined until it is known */
  update(progress: train.Progress): Estimate | undefined {
    const time = this.#now();
    if (progress.phase === "validation") this.#validationBegan ??= time;
    else {
      if (this.#validationBegan !== undefined)
        this.#validationSeconds = (time - this.#validationBegan) / 1000;
      this.#validationBegan = undefined;
      this.#look(time, progress.metrics?.count ?? 0);
    }
    return this.#estimate(progress);
  }

  /** Call after each epoch, with the speed that was measured when all its steps were done. */
  endEpoch(images: number, imagesPerSecond: number): void {
    if (!this.#measuredInEpoch && imagesPerSecond > 0)
      this.#add({ images, seconds: images / imagesPerSecond });
    this.#seen = undefined;
    this.#measuredInEpoch = false;
  }

  #look(time: number, images: number): void {
    const before = this.#seen;
    if (images <= (before?.images ?? 0)) return;
    this.#seen = { time, images };
    if (!before || time <= before.time) return;
    this.#add({ images: images - before.images, seconds: (time - before.time) / 1000 });
    this.#measuredInEpoch = true;
  }

  #add(interval: Interval): void {
    this.#intervals.push(interval);
    const enough = () => secondsOf(this.#intervals.slice(1)) >= windowSeconds;
    while (enough()) this.#intervals.shift();
  }

  #estimate({
    epochs,
    epoch,
    position,
    imagesPerEpoch,
    phase,
    validated,
  }: train.Progress): Estimate | undefined {
    const seconds = secondsOf(this.#intervals);
    if (seconds === 0) return undefined;
    const imagesPerSecond = this.#intervals.reduce((sum, { images }) => sum + images, 0) / seconds;
    const left = Math.max(0, (epochs - epoch) * imagesPerEpoch - position);
    const validations =
      Math.max(0, epochs - epoch) + (phase === "validation" ? 1 - validated / this.#testImages : 0);
    const each = this.#validationSeconds ?? (validationShare * this.#testImages) / imagesPerSecond;
    return { imagesPerSecond, secondsLeft: left / imagesPerSecond + validations * each };
  }
}

function secondsOf(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, { seconds }) => sum + seconds, 0);
}
