import { lookaheadSync } from "../../kernels/lookahead.ts";
import type { Gpu } from "../../tensor/gpu.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { loadTensors, matchTensors, type StateDict } from "../state.ts";
import type { Optimizer, OptimizerState, OptimizerStateValues } from "./optimizer.ts";
import { checkTensor, zerosLike } from "./parameter-arena.ts";
import { joinRows } from "./ranges.ts";

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

export class Lookahead implements Optimizer {
  readonly #optimizer: Optimizer;
  readonly #copies: readonly Copy[];
  readonly #every: number;
  readonly #decay: (progress: number) => number;
  readonly #weight: Tensor;
  #steps = 0;

  /** See `lookahead`. */
  constructor(optimizer: Optimizer, { tensors, every = 5, decay = () => 0.5 }: LookaheadOptions) {
    if (!Number.isSafeInteger(every) || every < 1)
      throw new Error(`[lookahead] 'every' must be a positive integer, but got ${every}`);
    const [first] = tensors;
    if (!first)
      throw new Error("[lookahead] got no tensors; pass model.parameters() and its running statistics");
    const { gpu } = first;
    for (const tensor of tensors) checkTensor("lookahead", tensor, gpu);
    this.#optimizer = optimizer;
    this.#copies = copies(gpu, [...new Set(tensors)]);
    this.#every = every;
    this.#decay = decay;
    this.#weight = gpu.tensor([0], [1], { name: "lookahead" }).keep();
  }

  get parameters(): readonly Tensor[] {
    return this.#optimizer.parameters;
  }
  get lr(): number {
    return this.#optimizer.lr;
  }
  set lr(lr: number) {
    this.#optimizer.lr = lr;
  }

  /** A fast step; `advance` follows. */
  step(): void {
    this.#optimizer.step();
  }

  advance(progress: number): void {
    this.#weight.device.refuseWhileRecording(
      "lookahead",
      "call advance() between the calls of a recorded step",
    );
    this.#optimizer.advance?.(progress);
    this.#steps += 1;
    if (this.#steps % this.#every === 0) this.#synchronise(1 - this.#decay(progress));
    else if (progress >= 1) this.#synchronise(0);
  }

  /** The inner optimiser's, `lookaheadSteps`, and the slow copies as `slow.INDEX`. */
  stateDict(): OptimizerState {
    const { settings, tensors } = this.#optimizer.stateDict();
    return {
      settings: { ...settings, lookaheadSteps: this.#steps },
      tensors: { ...tensors, ...this.#slowByName },
    };
  }

  loadStateDict({ settings, tensors }: OptimizerStateValues): void {
    const { lookaheadSteps, ...inner } = settings;
    if (!(Number.isSafeInteger(lookaheadSteps) && Number(lookaheadSteps) >= 0)) {
      throw new Error(
        `[lookahead] the state must hold 'lookaheadSteps', but got ${lookaheadSteps}; it's of a run without lookahead`,
      );
    }
    const targets = this.#slowByName;
    const entries = Object.entries(tensors);
    const pick = (isSlow: boolean) =>
      Object.fromEntries(entries.filter(([name]) => name.startsWith("slow.") === isSlow));
    const slow = pick(true);
    matchTensors("lookahead.loadStateDict", targets, slow);
    this.#optimizer.loadStateDict({ settings: inner, tensors: pick(false) });
    loadTensors("lookahead.loadStateDict", targets, slow);
    this.#steps = Number(lookaheadSteps);
  }

  get #slowByName(): StateDict {
    return Object.fromEntries(this.#copies.map(({ name, slow }) => [name, slow]));
  }

  #synchronise(weight: number): void {
    if (!(weight >= 0 && weight <= 1))
      throw new Error(`[lookahead] 'decay' must return from 0 to 1, but returned ${1 - weight}`);
    const { device } = this.#weight;
    this.#weight.write([weight]);
    const rows = this.#copies.map(({ slow, fast }) => ({
      views: { slow: slow.storage, fast: fast.storage },
      group: 0,
    }));
    for (const { views, n } of joinRows(rows)) lookaheadSync(device, { ...views, weight: this.#weight, n });
    for (const { slow, fast } of this.#copies) {
      slow.storage.version += 1;
      fast.storage.version += 1;
    }
  }
}

interface Copy {
  /** By the place in the list that was given. */
  readonly name: string;
  readonly slow: Tensor;
  readonly fast: Tensor;
}

/** Copies of the tensors, laid out in the order of the tensors in memory, so that neighbours have neighbours as copies. */
function copies(gpu: Gpu, tensors: readonly Tensor[]): Copy[] {
  const buffers = [...new Set(tensors.map(({ buffer }) => buffer))];
  const ordered = tensors
    .map((fast, index) => ({ fast, name: `slow.${index}` }))
    .sort(
      ({ fast: a }, { fast: b }) =>
        buffers.indexOf(a.buffer) - buffers.indexOf(b.buffer) || a.byteOffset - b.byteOffset,
    );
  const slows = zerosLike(
    gpu,
    ordered.map(({ fast }) => fast),
    "slow",
  );
  return ordered.flatMap(({ fast, name }, index) => {
    const slow = slows[index];
    if (slow) gpu.device.stream.copy(fast, slow);
    return slow ? [{ name, slow, fast }] : [];
  });
}
