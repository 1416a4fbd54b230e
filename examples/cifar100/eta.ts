/**
 * How fast a run is and when it will be done, from its first steps on.
 *
 * `fit` stays up to three slow steps ahead of the GPU: the first calls come at the host's pace, not at the steps'. So a step's time is
 * known from the fourth call on: what passed since the first, over all steps but the three under way. Validations still to come are
 * counted once one was seen.
 */
import type { train } from "wgrad";

const stepsAhead = 3;
const window = 100;

export interface Estimate {
  readonly iterationsPerSecond: number;
  readonly secondsLeft: number;
}

export class Eta {
  readonly #now: () => number;
  #phase: train.Progress["phase"] | undefined;
  #ticks: { readonly time: number; readonly iteration: number }[] = [];
  #rate = 0;
  #validationBegan = 0;
  #validationSeconds = 0;

  /** @param now milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Call with each progress. @returns undefined until the first step is done */
  update(progress: train.Progress): Estimate | undefined {
    const time = this.#now();
    const { phase, iteration, epoch, epochs, position, imagesPerEpoch, batch } = progress;
    if (phase !== this.#phase) {
      if (phase === "validation") this.#endTraining(time);
      this.#ticks = [];
      this.#phase = phase;
    }
    this.#ticks.push({ time, iteration });
    if (phase === "validation") this.#validationSeconds = (time - this.#validationBegan) / 1000;
    else this.#measure();
    if (this.#rate === 0) return undefined;
    const images = Math.max(0, (epochs - epoch) * imagesPerEpoch - position);
    return {
      iterationsPerSecond: this.#rate,
      secondsLeft: images / batch / this.#rate + (epochs - epoch) * this.#validationSeconds,
    };
  }

  /** All steps are done now: where there were few, that's what their time is known from. */
  #endTraining(time: number): void {
    const [first] = this.#ticks;
    const last = this.#ticks.at(-1);
    this.#validationBegan = last?.time ?? time;
    if (this.#rate > 0 || !first || !last || time <= first.time) return;
    this.#rate = (1000 * Math.max(1, last.iteration - first.iteration)) / (time - first.time);
  }

  #measure(): void {
    const last = this.#ticks.at(-1);
    // Once there are enough, the calls come at the steps' pace: the burst at the start is left out.
    const full = this.#ticks.length > stepsAhead + window;
    if (full) this.#ticks.splice(stepsAhead, this.#ticks.length - stepsAhead - window);
    const first = this.#ticks[full ? stepsAhead : 0];
    if (!first || !last) return;
    const done = last.iteration - first.iteration - (full ? 0 : stepsAhead - 1);
    if (done > 0 && last.time > first.time) this.#rate = (1000 * done) / (last.time - first.time);
  }
}
