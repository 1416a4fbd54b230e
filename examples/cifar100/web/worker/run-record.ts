/** What is kept of a run beside its snapshots: plain data, in `run.json` and in each snapshot. */
import type { Normalization } from "../../plan.ts";
import type { Settings } from "../../recipes.ts";
import type { CurvePoint, EpochEntry, RunSettings, RunSummary } from "../protocol.ts";

export interface RunRecord {
  readonly version: 1;
  readonly id: string;
  readonly title: string;
  readonly started: string;
  readonly status: RunSummary["status"];
  readonly settings: Settings;
  readonly dataset: {
    readonly name: string;
    readonly synthetic: boolean;
    readonly trainImages: number;
    readonly testImages: number;
  };
  readonly normalization?: Normalization | undefined;
  readonly iteration: number;
  readonly epochs: readonly EpochEntry[];
  readonly curve: readonly CurvePoint[];
  /** What the schedule's rate is multiplied by since the rate was last changed by hand. */
  readonly rateScale: number;
}

export function summaryOf(record: RunRecord, resumable: boolean): RunSummary {
  const { id, title, started, status, settings, dataset, iteration, epochs, curve } = record;
  const { name, synthetic } = dataset;
  return {
    ...{ id, title, started, status, iteration, epochs, curve, resumable },
    settings: pageSettings(settings),
    dataset: { name, synthetic },
  };
}

/** The settings that the page shows and sets. */
export function pageSettings(settings: Settings): RunSettings {
  const { recipe, width, batch, lr, epochs, seed, trainLimit, testLimit } = settings;
  return { recipe, width, batch, lr, epochs, seed, trainLimit, testLimit };
}

export function isRunRecord(value: unknown): value is RunRecord {
  if (typeof value !== "object" || value === null) return false;
  const record: Partial<Record<keyof RunRecord, unknown>> = value;
  const { version, id, title, started, settings, dataset, epochs, curve, rateScale, iteration } = record;
  return (
    version === 1 &&
    [id, title, started, record.status].every((text) => typeof text === "string") &&
    [settings, dataset].every((part) => typeof part === "object" && part !== null) &&
    Array.isArray(epochs) &&
    Array.isArray(curve) &&
    typeof rateScale === "number" &&
    typeof iteration === "number"
  );
}
