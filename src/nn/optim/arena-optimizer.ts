/** What optimisers that go over the arenas have in common: groups, memory of their own, coefficients on the GPU, state. */
import { observeUpdates } from "../../tensor/tape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { loadTensors, type StateDict } from "../state.ts";
import type { ParameterGroup, Parameters } from "./groups.ts";
import type { Optimizer, OptimizerSettings, OptimizerState, OptimizerStateValues } from "./optimizer.ts";
import { ParameterArena } from "./parameter-arena.ts";
import { mapValues, type Range } from "./ranges.ts";

export interface RuleSettings extends OptimizerSettings {
  readonly lr: number;
  readonly weightDecay: number;
}

/** A rule of update with its settings `S` and its memory by the kernel's names `K`. */
export interface Rule<S extends RuleSettings, K extends string> {
  /** For messages. */
  readonly op: string;
  /** Of the parameters' shapes, zeros at first; the values label it in the state. */
  readonly memory: Readonly<Record<K, string>>;
  /** @throws Error for settings out of range */
  check(settings: S): void;
  /** What the kernel reads for a group: whole vec4s, as many for each. */
  coefficients(settings: S, group: Required<Omit<ParameterGroup, "parameters">>): readonly number[];
}

export abstract class ArenaOptimizer<S extends RuleSettings, K extends string> implements Optimizer {
  /** What the kernel reads, group after group: on the GPU, so that a recorded step sees changes. */
  protected readonly coefficients: Tensor;
  readonly #rule: Rule<S, K>;
  readonly #arena: ParameterArena;
  readonly #memory: Readonly<Record<K, readonly Tensor[]>>;
  #settings: S;
  #rows: readonly number[];

  constructor(rule: Rule<S, K>, parameters: Parameters, settings: S) {
    rule.check(settings);
    this.#rule = rule;
    this.#settings = settings;
    this.#arena = new ParameterArena(rule.op, parameters);
    this.#memory = mapValues(rule.memory, (label) => this.#arena.zerosLike(label));
    this.#rows = this.#rowsOf(settings);
    this.coefficients = this.#arena.gpu.tensor(this.#rows, [this.#rows.length], { name: rule.op }).keep();
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
  get weightDecay(): number {
    return this.#settings.weightDecay;
  }
  protected get settings(): S {
    return this.#settings;
  }
  /** Memory beside that of the rule. */
  protected get extraState(): StateDict {
    return {};
  }

  step(): void {
    this.update(this.#arena.takeUpdates(this.#memory));
    observeUpdates(`'${this.#rule.op}'`, [...this.parameters, ...this.#tensors]);
  }

  /** The commands of a step. */
  protected abstract update(ranges: readonly Range<K | "parameter" | "gradient">[]): void;

  /** Settings, groups' own left out, and the memory of each parameter as `NAME.INDEX`. */
  stateDict(): OptimizerState {
    const settings = Object.entries(this.#settings).filter(([, value]) => value !== false);
    const tensors = this.#tensors.map((tensor) => [tensor.name, tensor]);
    return {
      settings: Object.fromEntries(settings),
      tensors: { ...Object.fromEntries(tensors), ...this.extraState },
    };
  }

  loadStateDict({ settings, tensors }: OptimizerStateValues): void {
    const { op, check } = this.#rule;
    const loaded = mapValues(this.#settings, (own, name): OptimizerSettings[string] => {
      const value = settings[name] ?? false;
      if (typeof own === "number") return typeof value === "number" ? value : Number.NaN;
      if (value === own) return own;
      throw new Error(
        `[${op}] the state is of ${name} ${JSON.stringify(value)}, but this optimiser's is ${JSON.stringify(own)}; ` +
          "make it with the same",
      );
    });
    const next = { ...this.#settings, ...loaded };
    check(next);
    loadTensors(`${op}.loadStateDict`, this.stateDict().tensors, tensors);
    this.#set(next);
  }

  get #tensors(): Tensor[] {
    return Object.values<readonly Tensor[]>(this.#memory).flat();
  }

  #set(settings: S): void {
    this.#rule.check(settings);
    const rows = this.#rowsOf(settings);
    // A write submits what was encoded so far, so the same values again shouldn't cost one.
    if (!rows.every((value, k) => value === this.#rows[k])) {
      const { device } = this.coefficients;
      device.refuseWhileRecording(this.#rule.op, "set 'lr' between the calls of a recorded step");
      this.coefficients.write(rows);
    }
    this.#rows = rows;
    this.#settings = settings;
  }

  #rowsOf(settings: S): number[] {
    return this.#arena.groups.flatMap(({ lrScale = 1, weightDecay = settings.weightDecay }) =>
      this.#rule.coefficients(settings, { lrScale, weightDecay }),
    );
  }
}
