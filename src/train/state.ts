/** What a training run has done so far: plain data, for snapshots. */
import type { DataPosition } from "../data/shuffled-batches.ts";

/** One epoch, as Chainer's LogReport names things. */
export interface LogEntry {
  /** Epochs completed. */
  readonly epoch: number;
  readonly iteration: number;
  /** Mean over the images of the epoch's batches, while the model was learning. */
  readonly "main/loss": number;
  readonly "main/accuracy": number;
  /** On the test set, after the epoch. */
  readonly "validation/main/loss": number;
  readonly "validation/main/accuracy": number;
  /** The learning rate of the epoch's last step. */
  readonly lr: number;
  /** Seconds since the start of the run, pauses between a snapshot and its resume left out. */
  readonly elapsed_time: number;
  /** Of the training steps, validation left out. */
  readonly images_per_second: number;
}

/** Where a run is, beside its model and optimiser: what `fit` goes on from. Plain data. */
export interface TrainState {
  readonly epoch: number;
  readonly iteration: number;
  readonly batch: number;
  readonly data: DataPosition;
  readonly log: readonly LogEntry[];
  /** Seconds. */
  readonly elapsedTime: number;
  /** Seconds that the steps of the epoch under way took. */
  readonly epochSeconds: number;
  /** Sums of the epoch under way, from `Metrics.state`. */
  readonly metrics: readonly number[];
  /** The last epoch is through, but not yet validated and logged. */
  readonly unreported: boolean;
}

/** Whether a value read from a file has the fields of a state. */
export function isTrainState(value: unknown): value is TrainState {
  if (typeof value !== "object" || value === null) return false;
  const state: Partial<Record<keyof TrainState, unknown>> = value;
  const numbers = [state.epoch, state.iteration, state.batch, state.elapsedTime, state.epochSeconds];
  const { data } = state;
  return (
    numbers.every((number) => typeof number === "number" && number >= 0) &&
    typeof data === "object" &&
    data !== null &&
    "seed" in data &&
    "epoch" in data &&
    "position" in data &&
    Array.isArray(state.log) &&
    Array.isArray(state.metrics) &&
    state.metrics.length === 4 &&
    typeof state.unreported === "boolean"
  );
}
