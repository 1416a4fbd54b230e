/**
 * Keeps the host a few steps ahead of the GPU, and no more: the GPU never idles, and a stop takes effect soon.
 *
 * Each wait costs some milliseconds in Node (see `waitQuietly`), so quick steps share a fence. How quick they are is measured
 * from fence to fence and not from call to call: the host gives a step's commands in a fraction of the time that they take. Nor from wait
 * to wait: after an epoch's validation fences are found that passed long before.
 */
import type { Gpu } from "../tensor/gpu.ts";

const fencesAhead = 2;
const millisecondsApart = 25;
const mostStepsApart = 16;

export class Pace {
  readonly #gpu: Gpu;
  /** Each with the time when it passed. */
  readonly #fences: { readonly passed: Promise<number>; readonly steps: number }[] = [];
  #stepsApart = 1;
  #unfenced = 0;
  #lastPassed = performance.now();

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** Call after each step. @throws Error if a kernel failed */
  async step(): Promise<void> {
    this.#unfenced += 1;
    if (this.#unfenced < this.#stepsApart) return;
    const passed = this.#gpu.idle().then(() => performance.now());
    passed.catch(() => {}); // it's thrown where the fence is awaited, some steps later or by finish()
    this.#fences.push({ passed, steps: this.#unfenced });
    this.#unfenced = 0;
    if (this.#fences.length <= fencesAhead) return;
    const oldest = this.#fences.shift();
    if (!oldest) return;
    const passedAt = await oldest.passed;
    const perStep = (passedAt - this.#lastPassed) / oldest.steps;
    this.#lastPassed = passedAt;
    this.#stepsApart = Math.max(1, Math.min(mostStepsApart, Math.floor(millisecondsApart / perStep)));
  }

  /** Waits for the steps so far. @throws Error if a kernel failed */
  async finish(): Promise<void> {
    await Promise.all(this.#fences.map(({ passed }) => passed));
  }
}
