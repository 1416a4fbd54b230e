import { sgdNesterovStep, sgdStep } from "../../kernels/sgd.ts";
import { observeUpdates } from "../../tensor/tape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { loadTensors } from "../state.ts";
import type { ParameterGroup, Parameters } from "./groups.ts";
import type { Optimizer, OptimizerState, OptimizerStateValues } from "./optimizer.ts";
import { ParameterArena } from "./parameter-arena.ts";

export type SgdRule = "pytorch" | "chainer";

export interface SgdOptions {
  /** Learning rate, 0 or more. */
  readonly lr: number;
  /** 0 <= momentum < 1; 0 by default. */
  readonly momentum?: number;
  /** Steps along the gradient as the velocity will be one step on. With momentum and PyTorch's rule only; false by default. */
  readonly nesterov?: boolean;
  /** 0 or more; 0 by default. */
  readonly weightDecay?: number;
  /** When the learning rate enters, "pytorch" by default. */
  readonly rule?: SgdRule;
}

/**
 * Stochastic gradient descent with momentum and weight decay, all parameters of a group in one dispatch.
 *
 * With `g' = g + weightDecay p` and v = 0 at first:
 *
 * - "pytorch": `v = momentum v + g'`, `p = p - lr v`; with `nesterov`: `p = p - lr (g' + momentum v)`
 * - "chainer": `v = momentum v - lr g'`, `p = p + v`
 *
 * Of a group, lr is `lr * lrScale`, and weightDecay its own if it has one.
 *
 * The two take the same path until `lr` changes: then Chainer's velocity still holds the old rate.
 * The parameters move into one arena; tensors and views stay valid. Each is updated once, however often it's listed; frozen
 * ones and those without a new gradient are left alone, with their velocity.
 * Source: `torch.optim.SGD`; Chainer's `MomentumSGD` with `WeightDecay`.
 * @param parameters tensors, or groups of them
 * @throws Error for settings out of range, for anything but f32 leaves of one GPU, and for a tensor in two groups
 */
export function sgd(parameters: Parameters, options: SgdOptions): Sgd {
  return new Sgd(parameters, options);
}

interface Settings {
  readonly rule: SgdRule;
  readonly lr: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}

export class Sgd implements Optimizer {
  readonly #arena: ParameterArena;
  readonly #velocity: readonly Tensor[];
  /** What the kernel reads, a row a group: on the GPU, so that a recorded step sees changes. */
  readonly #coefficients: Tensor;
  #settings: Settings;

  /** See `sgd`. */
  constructor(parameters: Parameters, options: SgdOptions) {
    const { lr, momentum = 0, nesterov = false, weightDecay = 0, rule = "pytorch" } = options;
    this.#settings = checked({ rule, lr, momentum, nesterov, weightDecay });
    this.#arena = new ParameterArena("sgd", parameters);
    this.#velocity = this.#arena.zerosLike("velocity");
    const { gpu, groups } = this.#arena;
    const rows = coefficients(this.#settings, groups);
    this.#coefficients = gpu.tensor(rows, [groups.length, 4], { name: "sgd" }).keep();
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
  get nesterov(): boolean {
    return this.#settings.nesterov;
  }
  get weightDecay(): number {
    return this.#settings.weightDecay;
  }
  get rule(): SgdRule {
    return this.#settings.rule;
  }

  step(): void {
    const { device } = this.#arena.gpu;
    const launch = this.nesterov ? sgdNesterovStep : sgdStep;
    const coefficients = this.#coefficients;
    for (const { views, n, group } of this.#arena.takeUpdates({ velocity: this.#velocity })) {
      launch(device, { ...views, coefficients, n, group });
    }
    observeUpdates("'sgd'", [...this.parameters, ...this.#velocity]);
  }

  /** Settings, groups' own left out, and the velocity of each parameter as `velocity.INDEX`. */
  stateDict(): OptimizerState {
    const { nesterov, ...settings } = this.#settings;
    return {
      settings: nesterov ? { ...settings, nesterov } : settings,
      tensors: Object.fromEntries(this.#velocity.map((tensor) => [tensor.name, tensor])),
    };
  }

  loadStateDict({ settings, tensors }: OptimizerStateValues): void {
    const { rule, lr, momentum, weightDecay, nesterov = false } = settings;
    if (rule !== this.rule) {
      throw new Error(
        `[sgd] the state is of rule '${rule}', but this optimiser's is '${this.rule}'; velocities differ`,
      );
    }
    if (nesterov !== this.nesterov) {
      throw new Error(
        `[sgd] the state is of nesterov: ${nesterov}, but this optimiser's is ${this.nesterov}; make it with the same`,
      );
    }
    const next = checked({
      ...this.#settings,
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
    this.#coefficients.write(coefficients(settings, this.#arena.groups));
  }
}

function coefficients(settings: Settings, groups: readonly ParameterGroup[]): number[] {
  const { rule, momentum } = settings;
  return groups.flatMap(({ lrScale = 1, weightDecay = settings.weightDecay }) => {
    const lr = settings.lr * lrScale;
    return [momentum, weightDecay, ...(rule === "pytorch" ? [1, -lr] : [-lr, 1])];
  });
}

function checked(settings: Settings): Settings {
  const { rule, lr, momentum, nesterov, weightDecay } = settings;
  if (rule !== "pytorch" && rule !== "chainer")
    throw new Error(`[sgd] 'rule' must be "pytorch" or "chainer", but got ${JSON.stringify(rule)}`);
  for (const [name, value] of Object.entries({ lr, weightDecay })) {
    if (!(Number.isFinite(value) && value >= 0))
      throw new Error(`[sgd] '${name}' must be a finite number, 0 or more, but got ${value}`);
  }
  if (!(momentum >= 0 && momentum < 1))
    throw new Error(`[sgd] 'momentum' must be at least 0 and below 1, but got ${momentum}`);
  if (nesterov && rule === "chainer")
    throw new Error(`[sgd] 'nesterov' goes with rule "pytorch" only; leave 'rule' out, or nesterov`);
  if (nesterov && momentum === 0)
    throw new Error("[sgd] 'nesterov' needs a momentum above 0, but got 0; set it, or leave nesterov out");
  return settings;
}
