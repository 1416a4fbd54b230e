/** From options, recipe and perhaps a snapshot to the settings of a run. */
import { train } from "wgrad";
import { type DatasetName, datasetNames, type EarlyStopping, type Options, UsageError } from "./options.ts";
import type { Normalization } from "./plan.ts";
import { type RecipeName, recipeNames, recipes, type Settings } from "./recipes.ts";

/** All that decides a run. */
export interface RunSettings extends Settings {
  readonly earlyStopping: EarlyStopping;
}

/** What a snapshot of this example keeps beside the run itself. */
export interface SavedSettings extends RunSettings {
  readonly dataset: DatasetName;
  /** How many images of each set were used. */
  readonly trainImages: number;
  readonly testImages: number;
  /** Of the images, where the recipe normalises them. */
  readonly normalization?: Normalization;
}

/** The settings of a new run: the recipe's, and what the options say instead. @throws UsageError */
export function newSettings(options: Options, isSoftware: boolean): RunSettings {
  const recipe: RecipeName = options.recipe ?? (isSoftware ? "quick" : "chainer-2016");
  const preset = recipes[recipe];
  if (preset.halveEvery === 0 && options.halveEvery !== undefined)
    throw new UsageError(`--recipe ${recipe} has a schedule of its own; leave --halve-every out`);
  return {
    recipe,
    batch: options.batchsize ?? preset.batch,
    lr: options.learnrate ?? preset.lr,
    halveEvery: options.halveEvery ?? preset.halveEvery,
    epochs: options.epoch ?? preset.epochs,
    width: options.width ?? preset.width,
    dropout: preset.dropout,
    seed: options.seed ?? preset.seed,
    trainLimit: options.trainLimit ?? preset.trainLimit,
    testLimit: options.testLimit ?? preset.testLimit,
    earlyStopping: options.earlyStopping ?? "none",
  };
}

/** The settings of a resumed run: the snapshot's; only when it ends may be another. @throws UsageError */
export function resumedSettings(options: Options, saved: SavedSettings): SavedSettings {
  const fixed = [
    ["--recipe", options.recipe, saved.recipe],
    ["--batchsize", options.batchsize, saved.batch],
    ["--learnrate", options.learnrate, saved.lr],
    ["--halve-every", options.halveEvery, saved.halveEvery],
    ["--width", options.width, saved.width],
    ["--seed", options.seed, saved.seed],
    ["--train-limit", options.trainLimit, saved.trainLimit],
    ["--test-limit", options.testLimit, saved.testLimit],
    ["--dataset", options.dataset, saved.dataset],
  ] as const;
  for (const [name, wanted, was] of fixed) {
    if (wanted !== undefined && wanted !== was) {
      throw new UsageError(
        `${name} ${wanted} differs from the snapshot's ${was}; a resumed run keeps its settings: leave ${name} out`,
      );
    }
  }
  return {
    ...saved,
    epochs: options.epoch ?? saved.epochs,
    earlyStopping: options.earlyStopping ?? saved.earlyStopping,
  };
}

export function savedSettings({ settings }: train.CheckpointInfo): SavedSettings {
  // Snapshots from before there was early stopping don't name it.
  const whole = { earlyStopping: "none", ...(typeof settings === "object" ? settings : {}) };
  if (isSaved(whole)) return whole;
  throw new Error("the snapshot isn't one of 'npm run cifar100'; name a file that it wrote to --out");
}

function isSaved(value: unknown): value is SavedSettings {
  if (typeof value !== "object" || value === null) return false;
  const saved: Partial<Record<keyof SavedSettings, unknown>> = value;
  const { recipe, dataset, batch, lr, halveEvery, epochs, width, seed, trainLimit, testLimit } = saved;
  const numbers = [
    batch,
    lr,
    halveEvery,
    epochs,
    width,
    seed,
    trainLimit,
    testLimit,
    saved.trainImages,
    saved.testImages,
  ];
  return (
    recipeNames.some((name) => name === recipe) &&
    typeof saved.dropout === "boolean" &&
    datasetNames.some((name) => name === dataset) &&
    typeof saved.earlyStopping === "string" &&
    (saved.earlyStopping === "none" || train.isMetricName(saved.earlyStopping)) &&
    numbers.every((number) => typeof number === "number" && Number.isFinite(number))
  );
}
