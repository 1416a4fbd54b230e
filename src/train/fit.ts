/** The training loop as its users see it. The loop itself, `training-run.ts`, is loaded by the first `fit` or `evaluate`. */
import type { Augmentation } from "../data/augment.ts";
import type { DataSet } from "../data/gpu-images.ts";
import type { CompileProgress } from "../gpu/precompile.ts";
import type { Optimizer, Schedule } from "../nn/optim/index.ts";
import type { MetricsResult } from "../tensor/ops/metrics.ts";
import type { Profile } from "../tensor/profile/profile.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { StopCondition } from "./early-stopping.ts";
import type { Classifier, EvaluateOptions } from "./evaluate.ts";
import type { MemoryNeed } from "./memory.ts";
import type { LogEntry, TrainState } from "./state.ts";

/** Where a run is. */
export interface Progress {
  /** Epochs completed. */
  readonly epoch: number;
  readonly epochs: number;
  readonly iteration: number;
  /** Images of the epoch under way that were used, and how many it has. */
  readonly position: number;
  readonly imagesPerEpoch: number;
  readonly batch: number;
  /** What is known of the epoch's training metrics by now; looked at every `metricsEvery` steps. */
  readonly metrics: MetricsResult | undefined;
  readonly phase: "training" | "validation";
  /** Images validated, while the phase is validation. */
  readonly validated: number;
}

/** What `fit` takes beside model, optimiser and data. */
export interface FitOptions {
  /** Epochs since the start of the run; a resumed run goes on up to this number. */
  readonly epochs: number;
  /** Images a step, 128 by default. */
  readonly batch?: number;
  /** Images a step of the validation, `batch` by default. */
  readonly evaluateBatch?: number;
  /** Decides the order of the images, 0 by default. */
  readonly seed?: number;
  /**
   * Sets `optimizer.lr` before each step, asked with the epochs since the start of the run (not of a resume), of the one under way the part
   * that is through; without it the rate is left alone.
   */
  readonly schedule?: Schedule | undefined;
  /** What is done to the training images, from `data.augment`; nothing by default. */
  readonly augment?: Augmentation | undefined;
  /** Of the training loss, not of the validation's; 0 by default. See `softmaxCrossEntropy`. */
  readonly labelSmoothing?: number | undefined;
  /** The norm above which the gradients of all parameters, as one vector, are scaled down to it before each step. See `optim.clipGradNorm`. */
  readonly clipNorm?: number | undefined;
  /** Stops after the step under way; `fit` returns the state to go on from. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Asked with the log after each epoch, and at the start of a resumed run; true ends training. See `earlyStopping`. What decides by the log
   * alone ends a resumed run where it ends one in one piece.
   */
  readonly stopWhen?: StopCondition | undefined;
  /** Goes on from the state of an earlier run, whose model and optimiser were restored; its batch and seed are taken. */
  readonly start?: TrainState | undefined;
  /** Called after each epoch, with the state for a snapshot and what took how long; awaited. */
  readonly onEpoch?: (entry: LogEntry, state: TrainState, seconds: EpochSeconds) => void | Promise<void>;
  /** Called after each step. */
  readonly onProgress?: (progress: Progress) => void;
  /** As `EvaluateOptions.onLogits`, for each validation. */
  readonly onLogits?: EvaluateOptions["onLogits"];
  /** Bytes that the run may take; without it the adapter's limits alone count. */
  readonly memoryLimit?: number | undefined;
  /** Called once, before the first step, with the memory that the run will take. */
  readonly onMemory?: (need: MemoryNeed) => void;
  /** Called for each kernel, before the first step: training's and validation's are compiled there. */
  readonly onCompile?: CompileProgress;
  /** Called once, before the first step, with the loss of a traced step: for `graphToDot`. It has no values yet. */
  readonly onGraph?: (loss: Tensor) => void;
  /** Runs the model's code for each step, in place of a recording. */
  readonly eager?: boolean | undefined;
  /** Stops at the first step that makes a NaN or an infinity anywhere, and says where: see `Gpu.checkNumerics`. Slower, with the same bits. */
  readonly checkNumerics?: boolean | undefined;
  /**
   * Called once, with the profile of the fourth step of this call; awaited. See `Gpu.profile`: the step takes longer, and its bits are what
   * they are without.
   */
  readonly onProfile?: ((profile: Profile) => void | Promise<void>) | undefined;
  /** Steps between two looks at the training metrics, 100 by default. */
  readonly metricsEvery?: number;
}

/** What the loop needs of an optimiser. */
export type FitOptimizer = Pick<Optimizer, "lr" | "parameters" | "step" | "advance" | "rehearse">;

/** Seconds that the two parts of an epoch took. */
export interface EpochSeconds {
  readonly training: number;
  readonly validation: number;
}

/** How `fit` ended. */
export interface FitResult {
  /** False if the signal stopped it. */
  readonly finished: boolean;
  /** Whether `stopWhen` ended it before the last epoch. */
  readonly stoppedEarly: boolean;
  readonly state: TrainState;
}

/** Thrown when the loss, or with `checkNumerics` any number, isn't finite any more. */
export class DivergedError extends Error {
  override readonly name = "DivergedError";
}

/**
 * Trains a classifier with softmax cross-entropy on `set.train`, and validates it on `set.test` after each epoch.
 *
 * Batches have one size and wrap across the epoch's boundary; an epoch ends with the step that completes it.
 * @throws DivergedError if a loss becomes NaN or infinite, before `onEpoch` is called; MemoryError if the batch is too large;
 * Error for options that make no sense, or if a kernel failed
 */
export async function fit(
  model: Classifier,
  optimizer: FitOptimizer,
  set: DataSet,
  options: FitOptions,
): Promise<FitResult> {
  const { TrainingRun } = await import("./loops.ts");
  return new TrainingRun(model, optimizer, set, options).finish();
}
