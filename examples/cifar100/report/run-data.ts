/**
 * What a page about a run is made of, apart from the log: plain data, kept in `report.json` beside it, so that the page can be made
 * again without data set and GPU.
 */

export interface RunData {
  readonly version: 1;
  /** What was trained on what, for people. */
  readonly title: string;
  readonly command: string;
  readonly status: "running" | "finished" | "stopped";
  /** When this part of the run was started, and this file written: ISO 8601. */
  readonly started: string;
  readonly written: string;
  readonly epochs: number;
  /** Everything that decides what the run computes. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** Device, versions, system. */
  readonly environment: Readonly<Record<string, string>>;
  readonly dataset: DatasetData;
  /** After the last epoch that was validated. */
  readonly answers?: AnswersData;
}

export interface DatasetData {
  readonly name: string;
  readonly synthetic: boolean;
  readonly trainImages: number;
  readonly testImages: number;
  readonly classes: readonly string[];
  /** Superclasses, where the set has them. */
  readonly groups?: Groups;
  /** For each class, pictures of the training set side by side; empty in a report without images. */
  readonly sheet: readonly Picture[];
}

export interface Groups {
  readonly names: readonly string[];
  /** The group of each class. */
  readonly ofClass: readonly number[];
}

export interface Picture {
  /** How many images it holds; 0 where the training images that are used have none of the class. */
  readonly count: number;
  /** A PNG as a data URI; empty for none. */
  readonly source: string;
}

export interface AnswersData {
  readonly epoch: number;
  /** `[true class][answer]`: test images. */
  readonly confusion: readonly (readonly number[])[];
  readonly right: readonly Sample[];
  readonly wrong: readonly Sample[];
}

/** A report that may be published where the images may not. */
export function withoutImages(run: RunData): RunData {
  const { dataset, answers } = run;
  return {
    ...run,
    dataset: { ...dataset, sheet: [] },
    ...(answers && { answers: { ...answers, right: [], wrong: [] } }),
  };
}

/** A test image and what the model took it for. */
export interface Sample {
  /** Its place in the test set. */
  readonly image: number;
  readonly label: number;
  readonly answer: number;
  /** 0 to 1; null where the logits held NaN. */
  readonly confidence: number | null;
  readonly source: string;
}

/** An entry of a log as JSON has it: null stands for what isn't finite. */
export type LogRow = Readonly<Record<string, number | string | null | undefined>>;

export function isRunData(value: unknown): value is RunData {
  if (typeof value !== "object" || value === null) return false;
  const data: Partial<Record<keyof RunData, unknown>> = value;
  const { dataset, settings, environment, answers = noAnswers } = data;
  const texts = [data.title, data.command, data.status, data.started, data.written];
  return (
    data.version === 1 &&
    texts.every((text) => typeof text === "string") &&
    [settings, environment].every((part) => typeof part === "object" && part !== null) &&
    holdsLists(dataset, "classes", "sheet") &&
    holdsLists(answers, "confusion", "right", "wrong")
  );
}

const noAnswers = { confusion: [], right: [], wrong: [] };

function holdsLists(value: unknown, ...names: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  const lists = new Map<string, unknown>(Object.entries(value));
  return names.every((name) => Array.isArray(lists.get(name)));
}

export function isLog(value: unknown): value is readonly LogRow[] {
  return Array.isArray(value) && value.every((row) => typeof row === "object" && row !== null);
}

/** A number of a log entry; NaN for what isn't there or isn't one. */
export function numberOf(row: LogRow | undefined, key: string): number {
  const value = row?.[key];
  return typeof value === "number" ? value : Number.NaN;
}
