/**
 * Keeps the host a few steps ahead of the GPU, and no more: the GPU never idles, and a stop takes effect soon.
 *
 * Each wait costs up to 1.2 ms in Node (see `waitQuietly`), so quick steps share a fence. How quick they are is measured
 * from fence to fence and not from call to call: the host gives a step's commands in a fraction of the time that they take.
 */
import type { Gpu } from "../tensor/gpu.ts";

const fencesAhead = 2;
const millisecondsApart = 25;
const mostStepsApart = 16;

export class Pace {
  readonly #gpu: Gpu;
  readonly #fences: { readonly passed: Promise<void>; readonly steps: number }[] = [];
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
    const passed = this.#gpu.idle();
    passed.catch(() => {}); // it's thrown where the fence is awaited, some steps later
    this.#fences.push({ passed, steps: this.#unfenced });
    this.#unfenced = 0;
    if (this.#fences.length <= fencesAhead) return;
    const oldest = this.#fences.shift();
    await oldest?.passed;
    const now = performance.now();
    const perStep = (now - this.#lastPassed) / (oldest?.steps ?? 1);
    this.#lastPassed = now;
    this.#stepsApart = Math.max(1, Math.min(mostStepsApart, Math.floor(millisecondsApart / perStep)));
  }
}
