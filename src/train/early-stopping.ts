/**
 * Early stopping, as Chainer 7's `EarlyStoppingTrigger`: training ends once a metric hasn't been better than its best for
 * `patience` epochs. It's decided from the log alone, which snapshots hold: a resumed run ends where one in one piece does.
 */
import type { LogEntry } from "./state.ts";

/** The metrics of a log entry that can be watched. */
export const metricNames = [
  "main/loss",
  "main/accuracy",
  "validation/main/loss",
  "validation/main/accuracy",
] as const;
/** A metric of the log that can decide when training stops. */
export type MetricName = (typeof metricNames)[number];

/** What `earlyStopping` looks at, and how long it waits. */
export interface EarlyStoppingOptions {
  readonly metric: MetricName;
  /** Epochs without a better value after which training ends; 3 by default. */
  readonly patience?: number;
  /** Which values are better; by default greater ones for a metric whose name holds "accuracy", smaller ones for any other. */
  readonly mode?: "max" | "min";
}

/** Whether training is to end after the last epoch of this log. */
export type StopCondition = (log: readonly LogEntry[]) => boolean;

/**
 * A condition for `fit`'s `stopWhen`.
 * @throws Error for a metric that the log doesn't have, naming those that it has; or a patience that isn't a positive integer
 */
export function earlyStopping(options: EarlyStoppingOptions): StopCondition {
  const { metric, patience = 3, mode } = options;
  if (!isMetricName(metric))
    throw new Error(`[earlyStopping] 'metric' must be ${metricNames.join(", ")}, but got '${metric}'`);
  if (!Number.isSafeInteger(patience) || patience < 1)
    throw new Error(`[earlyStopping] 'patience' must be a positive integer, but got ${patience}`);
  return (log) => {
    const best = bestEntry(log, metric, mode);
    return log.length - (best === undefined ? 0 : log.indexOf(best) + 1) >= patience;
  };
}

/** The first entry with the best value of a metric; undefined if none has a number. */
export function bestEntry(
  log: readonly LogEntry[],
  metric: MetricName,
  mode: "max" | "min" = metric.includes("accuracy") ? "max" : "min",
): LogEntry | undefined {
  const sign = mode === "max" ? 1 : -1;
  let best: LogEntry | undefined;
  for (const entry of log) {
    if (Number.isNaN(entry[metric])) continue;
    if (best === undefined || sign * entry[metric] > sign * best[metric]) best = entry;
  }
  return best;
}

/** Whether the log has a metric of this name. */
export function isMetricName(name: string): name is MetricName {
  return metricNames.some((known) => known === name);
}
