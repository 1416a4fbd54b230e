/** `train`: the training loop, evaluation, snapshots. @module */

export { type CheckpointInfo, captureRun, describeRun, type Run, restoreRun } from "./checkpoint.ts";
export {
  bestEntry,
  type EarlyStoppingOptions,
  earlyStopping,
  isMetricName,
  type MetricName,
  metricNames,
  type StopCondition,
} from "./early-stopping.ts";
export { type Classifier, type EvaluateOptions, evaluate } from "./evaluate.ts";
export {
  DivergedError,
  type EpochSeconds,
  type FitOptimizer,
  type FitOptions,
  type FitResult,
  fit,
  type Progress,
} from "./fit.ts";
export type { MemoryNeed } from "./memory.ts";
export {
  decodeSnapshot,
  encodeSnapshot,
  type Json,
  type SnapshotArray,
  type SnapshotContent,
  SnapshotError,
} from "./snapshot.ts";
export type { LogEntry, TrainState } from "./state.ts";
export { testTimeAugmentation } from "./test-time-augmentation.ts";
