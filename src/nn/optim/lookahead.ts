import { lookaheadSync } from "../../kernels/lookahead.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { CopyingOptimizer } from "./copying-optimizer.ts";
import type { Optimizer, OptimizerState, OptimizerStateValues } from "./optimizer.ts";

/** What `lookahead` takes. */
export interface LookaheadOptions {
  /** What is looked ahead with: parameters, and running statistics if there are any. Each once, f32. */
  readonly tensors: readonly Tensor[];
  /** Steps from one synchronisation to the next, 5 by default. */
  readonly every?: number;
  /** How much of the slow copy stays, from 0 to 1, by the part of the run that is done; 0.5 throughout by default. */
  readonly decay?: (progress: number) => number;
}

/**
 * Lookahead around another optimiser, which takes fast steps: after each `every` of them
 *
 *     slow = slow + (fast - slow) (1 - decay(progress)),  fast = slow
 *
 * where slow is a copy of the tensors, at first as they are now. At the end of the run (progress 1) between two synchronisations fast goes
 * back to slow, which is what is to be evaluated.
 *
 * The copy doesn't follow `model.loadStateDict`: load this optimiser's state too, as `train.restoreRun` does, or make it after.
 * Counts in `advance`, which `train.fit` calls; a loop of your own calls it after each step.
 * Source: Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back", 2019; with a decay by progress and running statistics as in
 * Jordan's airbench, 2024.
 * @throws Error if `every` is no positive integer, or tensors are empty, released, not f32, or on another GPU
 */
export function lookahead(optimizer: Optimizer, options: LookaheadOptions): Lookahead {
  return new Lookahead(optimizer, options);
}

/** See `lookahead`. */
export class Lookahead extends CopyingOptimizer {
  readonly #every: number;
  readonly #decay: (progress: number) => number;
  /** What the kernel reads. */
  readonly #weight: Tensor;
  #steps = 0;

  /** See `lookahead`. */
  constructor(optimizer: Optimizer, { tensors, every = 5, decay = () => 0.5 }: LookaheadOptions) {
    if (!Number.isSafeInteger(every) || every < 1)
      throw new Error(`[lookahead] 'every' must be a positive integer, but got ${every}`);
    super("lookahead", "slow", optimizer, tensors);
    this.#every = every;
    this.#decay = decay;
    this.#weight = this.gpu.tensor([0], [1], { name: "lookahead" }).keep();
  }

  /** The host's half of a step: counts, and says how far the slow copy goes. */
  override advance(progress: number): void {
    const reason = "call advance() between the calls of a recorded step";
    this.gpu.device.refuseWhileRecording("lookahead", reason);
    super.advance(progress);
    this.#steps += 1;
    if (this.#steps % this.#every === 0) this.#synchronise(1 - this.#decay(progress));
    else if (progress >= 1) this.#synchronise(0);
  }

  /** The inner optimiser's, `lookaheadSteps`, and the slow copies as `slow.INDEX`. */
  override stateDict(): OptimizerState {
    const { settings, tensors } = super.stateDict();
    return { settings: { ...settings, lookaheadSteps: this.#steps }, tensors };
  }

  /** @throws Error that says what doesn't fit; then nothing was changed */
  override loadStateDict({ settings, tensors }: OptimizerStateValues): void {
    const { lookaheadSteps, ...inner } = settings;
    if (!(Number.isSafeInteger(lookaheadSteps) && Number(lookaheadSteps) >= 0)) {
      throw new Error(
        `[lookahead] the state must hold 'lookaheadSteps', but got ${lookaheadSteps}; it's of a run without lookahead`,
      );
    }
    super.loadStateDict({ settings: inner, tensors });
    this.#steps = Number(lookaheadSteps);
  }

  #synchronise(part: number): void {
    if (!(part >= 0 && part <= 1))
      throw new Error(`[lookahead] 'decay' must return from 0 to 1, but returned ${1 - part}`);
    this.#weight.write([part]);
    this.outsideOfStep();
  }

  protected override outsideOfStep(): void {
    const weight = this.#weight;
    for (const { views, n } of this.takeRanges()) lookaheadSync(this.gpu.device, { ...views, weight, n });
  }
}
