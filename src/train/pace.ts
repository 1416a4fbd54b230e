/**
 * Keeps the host a few steps ahead of the GPU, and no more: the GPU never idles, and a stop takes effect soon.
 *
 * Each wait costs up to 1.2 ms in Node (see `waitQuietly`), so quick steps share a fence.
 */
import type { Gpu } from "../tensor/gpu.ts";

const fencesAhead = 2;
const millisecondsApart = 25;

export class Pace {
  readonly #gpu: Gpu;
  readonly #fences: Promise<void>[] = [];
  #last = Number.NEGATIVE_INFINITY;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** Call after each step. @throws Error if a kernel failed */
  async step(): Promise<void> {
    if (performance.now() - this.#last < millisecondsApart) return;
    this.#last = performance.now();
    const fence = this.#gpu.idle();
    fence.catch(() => {}); // it's thrown where the fence is awaited, some steps later
    this.#fences.push(fence);
    if (this.#fences.length > fencesAhead) await this.#fences.shift();
  }
}
