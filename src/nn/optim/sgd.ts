import { sgdStep } from "../../kernels/sgd.ts";
import { observeUpdates } from "../../tensor/tape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { loadTensors } from "../state.ts";
import type { Optimizer, OptimizerState, OptimizerStateValues } from "./optimizer.ts";
import { ParameterArena } from "./parameter-arena.ts";

export type SgdRule = "pytorch" | "chainer";

export interface SgdOptions {
  /** Learning rate, 0 or more. */
  readonly lr: number;
  /** 0 <= momentum < 1; 0 by default. */
  readonly momentum?: number;
  /** 0 or more; 0 by default. */
  readonly weightDecay?: number;
  /** When the learning rate enters, "pytorch" by default. */
  readonly rule?: SgdRule;
}

/**
 * Stochastic gradient descent with momentum and weight decay, all parameters in one dispatch.
 *
 * With `g' = g + weightDecay p` and v = 0 at first:
 *
 * - "pytorch": `v = momentum v + g'`, `p = p - lr v`
 * - "chainer": `v = momentum v - lr g'`, `p = p + v`
 *
 * The two take the same path until `lr` changes: then Chainer's velocity still holds the old rate.
 * The parameters move into one arena; tensors and views stay valid. Each is updated once, however often it's listed; frozen
 * ones and those without a new gradient are left alone, with their velocity.
 * Source: `torch.optim.SGD`; Chainer's `MomentumSGD` with `WeightDecay`.
 * @throws Error for settings out of range, and for anything but f32 leaves of one GPU
 */
export function sgd(parameters: readonly Tensor[], options: SgdOptions): Sgd {
  return new Sgd(parameters, options);
}

interface Settings {
  readonly rule: SgdRule;
  readonly lr: number;
  readonly momentum: number;
  readonly weightDecay: number;
}

export class Sgd implements Optimizer {
  readonly #arena: ParameterArena;
  readonly #velocity: readonly Tensor[];
  /** What the kernel reads: on the GPU, so that a recorded step sees changes. */
  readonly #coefficients: Tensor;
  #settings: Settings;

  /** See `sgd`. */
  constructor(parameters: readonly Tensor[], options: SgdOptions) {
    const { lr, momentum = 0, weightDecay = 0, rule = "pytorch" } = options;
    this.#settings = checked({ rule, lr, momentum, weightDecay });
    this.#arena = new ParameterArena("sgd", parameters);
    this.#velocity = this.#arena.zerosLike("velocity");
    this.#coefficients = this.#arena.gpu.tensor(coefficients(this.#settings), [4], { name: "sgd" }).keep();
  }

  get parameters(): readonly Tensor[] {
    return this.#arena.parameters;
  }
  get lr(): number {
    return this.#settings.lr;
  }
  set lr(lr: number) {
    this.#set({ ...this.#settings, lr });
  }
  get momentum(): number {
    return this.#settings.momentum;
  }
  get weightDecay(): number {
    return this.#settings.weightDecay;
  }
  get rule(): SgdRule {
    return this.#settings.rule;
  }

  step(): void {
    const { device } = this.#arena.gpu;
    for (const { parameter, gradient, state, quads } of this.#arena.takeUpdates(this.#velocity)) {
      sgdStep(device, { parameter, gradient, velocity: state, coefficients: this.#coefficients, n: quads });
    }
    observeUpdates("'sgd'", [...this.parameters, ...this.#velocity]);
  }

  /** Settings, and the velocity of each parameter as `velocity.INDEX`. */
  stateDict(): OptimizerState {
    return {
      settings: { ...this.#settings },
      tensors: Object.fromEntries(this.#velocity.map((tensor) => [tensor.name, tensor])),
    };
  }

  loadStateDict({ settings, tensors }: OptimizerStateValues): void {
    const { rule, lr, momentum, weightDecay } = settings;
    if (rule !== this.rule) {
      throw new Error(
        `[sgd] the state is of rule '${rule}', but this optimiser's is '${this.rule}'; velocities differ`,
      );
    }
    const next = checked({
      rule: this.rule,
      lr: Number(lr),
      momentum: Number(momentum),
      weightDecay: Number(weightDecay),
    });
    loadTensors("sgd.loadStateDict", this.stateDict().tensors, tensors);
    this.#set(next);
  }

  #set(settings: Settings): void {
    const { lr, momentum, weightDecay } = checked(settings);
    const now = this.#settings;
    // A write submits what was encoded so far, so the same value again shouldn't cost one.
    if (lr === now.lr && momentum === now.momentum && weightDecay === now.weightDecay) return;
    this.#coefficients.device.refuseWhileRecording("sgd", "set 'lr' between the calls of a recorded step");
    this.#settings = settings;
    this.#coefficients.write(coefficients(settings));
  }
}

function coefficients({ rule, lr, momentum, weightDecay }: Settings): number[] {
  return rule === "pytorch" ? [momentum, weightDecay, 1, -lr] : [momentum, weightDecay, -lr, 1];
}

function checked(settings: Settings): Settings {
  const { rule, lr, momentum, weightDecay } = settings;
  if (rule !== "pytorch" && rule !== "chainer")
    throw new Error(`[sgd] 'rule' must be "pytorch" or "chainer", but got ${JSON.stringify(rule)}`);
  for (const [name, value] of Object.entries({ lr, weightDecay })) {
    if (!(Number.isFinite(value) && value >= 0))
      throw new Error(`[sgd] '${name}' must be a finite number, 0 or more, but got ${value}`);
  }
  if (!(momentum >= 0 && momentum < 1))
    throw new Error(`[sgd] 'momentum' must be at least 0 and below 1, but got ${momentum}`);
  return settings;
}
