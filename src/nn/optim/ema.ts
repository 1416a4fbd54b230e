import { averageUpdate, swapValues } from "../../kernels/moving-average.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { CopyingOptimizer } from "./copying-optimizer.ts";
import type { Optimizer } from "./optimizer.ts";

/** What `ema` takes. */
export interface EmaOptions {
  /** What is averaged: parameters, and running statistics if there are any. f32. */
  readonly tensors: readonly Tensor[];
  /** How much of the average stays, at least 0 and below 1; 0.999 by default. */
  readonly decay?: number;
}

/**
 * An optimiser around another that averages the tensors after each of its steps, also of a recorded one:
 *
 *     average = decay average + (1 - decay) tensor
 *
 * where average is at first the tensors as they are now. Evaluate with `averaged`. The average is part of the state, so a resumed run has the
 * same; it doesn't follow `model.loadStateDict`.
 * Source: Polyak and Juditsky, 1992; `torch.optim.swa_utils.AveragedModel` with `get_ema_avg_fn`.
 * @throws Error if decay is out of range, or tensors are empty, released, not f32, or on another GPU
 */
export function ema(optimizer: Optimizer, options: EmaOptions): Ema {
  return new Ema(optimizer, options);
}

/** See `ema`. */
export class Ema extends CopyingOptimizer {
  readonly decay: number;
  /** `1 - decay`: what the kernel reads. */
  readonly #weight: Tensor;
  #isSwapped = false;

  /** See `ema`. */
  constructor(optimizer: Optimizer, { tensors, decay = 0.999 }: EmaOptions) {
    if (!(decay >= 0 && decay < 1))
      throw new Error(`[ema] 'decay' must be at least 0 and below 1, but got ${decay}`);
    super("ema", "average", optimizer, tensors);
    this.decay = decay;
    this.#weight = this.gpu.tensor([1 - decay], [1], { name: "ema" }).keep();
  }

  /** The wrapped step, then the averages. */
  override step(): void {
    if (this.#isSwapped)
      throw new Error("[ema] step() would train the average; wait for averaged() to end before");
    this.gpu.device.tracing?.assumptions.push(() => !this.#isSwapped);
    super.step();
    const weight = this.#weight;
    for (const { views, n } of this.takeRanges()) averageUpdate(this.gpu.device, { ...views, weight, n });
  }

  /**
   * Runs `fn` with the average in the tensors, and puts back what was there: to evaluate, or to save the model.
   * @throws Error if it runs already, or in a recording; whatever `fn` throws
   */
  async averaged<T>(fn: () => T | Promise<T>): Promise<T> {
    if (this.#isSwapped) throw new Error("[ema] averaged() runs already; wait for it to end");
    this.#swap();
    try {
      return await fn();
    } finally {
      this.#swap();
    }
  }

  #swap(): void {
    this.gpu.device.refuseWhileRecording("ema", "average outside of the recorded step");
    this.outsideOfStep();
    this.#isSwapped = !this.#isSwapped;
  }

  protected override outsideOfStep(): void {
    for (const { views, n } of this.takeRanges()) swapValues(this.gpu.device, { ...views, n });
  }
}
