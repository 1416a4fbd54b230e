/** What the training loop and snapshots need of an optimiser. */
import type { Tensor } from "../../tensor/tensor.ts";
import type { StateDict, StateValues } from "../state.ts";

/** Plain values that a snapshot keeps. */
export type OptimizerSettings = Readonly<Record<string, number | string | boolean>>;

/** Everything that a resumed run needs: settings as plain values, memory as live tensors by name. */
export interface OptimizerState {
  readonly settings: OptimizerSettings;
  readonly tensors: StateDict;
}

/** A state to load: the tensors may be host data. */
export interface OptimizerStateValues {
  readonly settings: OptimizerSettings;
  readonly tensors: StateValues;
}

/** What `train.fit` and snapshots know of an optimiser. */
export interface Optimizer {
  /** The learning rate. Setting it takes effect in program order. */
  lr: number;
  readonly parameters: readonly Tensor[];
  /** Updates the parameters that got a gradient since the last step. @throws Error if none did */
  step(): void;
  /**
   * The host's half of a step, where an optimiser has one: called after each step, outside of recordings, before the model is used again.
   * @param progress steps done / steps in all, above 0 and at most 1
   */
  advance?(progress: number): void;
  /** Gives the commands that it gives outside of `step()`: for `gpu.precompile`, which executes none. */
  rehearse?(): void;
  /** Its settings, and the tensors that it keeps: live ones, not copies. */
  stateDict(): OptimizerState;
  /** @throws Error that says what doesn't fit; then nothing was changed */
  loadStateDict(state: OptimizerStateValues): void;
}
