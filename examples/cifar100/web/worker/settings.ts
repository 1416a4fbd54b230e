/** From the page's settings to those of a run, and what the page offers. */
import { type RecipeName, recipeNames, recipes, type Settings } from "../../recipes.ts";
import type { RecipeInfo, RunSettings } from "../protocol.ts";
import { WorkerProblem } from "./problems.ts";
import { pageSettings } from "./run-record.ts";

const about: Readonly<Record<RecipeName, string>> = {
  "chainer-2016": "VGG as in Chainer's example of 2016: the published figures. 300 epochs.",
  "chainer-v7": "The same with half the batch and half the rate, as since 2017. 300 epochs.",
  record: "A small, fast VGG that reaches the same accuracy with a hundredth of the work.",
  quick: "A narrow VGG on a part of the set: learning is visible within minutes.",
};

export const recipeInfos: readonly RecipeInfo[] = recipeNames.map((name) => ({
  name,
  about: about[name],
  defaults: pageSettings({ recipe: name, ...recipes[name] }),
}));

/** What to start with: a software adapter gets a network and a part of the set that it trains in a minute. */
export function suggestedSettings(isSoftware: boolean): RunSettings {
  const settings = pageSettings({ recipe: "quick", ...recipes.quick });
  return isSoftware ? { ...settings, width: 0.125, trainLimit: 2000, testLimit: 500 } : settings;
}

/** The largest number of images is the set's. */
const ranges: readonly (readonly [keyof RunSettings, string, number, number, "integer" | "number"])[] = [
  ["width", "The width", 1 / 64, 4, "number"],
  ["batch", "The batch size", 1, 4096, "integer"],
  ["lr", "The learning rate", 0, 1000, "number"],
  ["epochs", "The number of epochs", 1, 10_000, "integer"],
  ["seed", "The seed", 0, 2 ** 31 - 1, "integer"],
  ["trainLimit", "The number of training images", 0, 50_000, "integer"],
  ["testLimit", "The number of test images", 0, 50_000, "integer"],
];

/** @throws WorkerProblem for a setting out of range */
export function checkedSettings(settings: RunSettings): Settings {
  const recipe = recipeNames.find((name) => name === settings.recipe);
  if (!recipe) throw invalid(`There is no recipe '${settings.recipe}'.`, "Choose one of the list.");
  for (const [key, name, least, most, kind] of ranges) {
    const value = Number(settings[key]);
    if (value >= least && value <= most && (kind === "number" || Number.isInteger(value))) continue;
    const article = kind === "integer" ? "an integer" : "a number";
    throw invalid(
      `${name} is ${settings[key]}.`,
      `Give ${article} from ${least} to ${most.toLocaleString("en")}.`,
    );
  }
  if (!Number.isInteger(64 * settings.width))
    throw invalid(`The width is ${settings.width}.`, "Give a multiple of 1/64, such as 0.25.");
  const { batch, lr, epochs, width, seed, trainLimit, testLimit } = settings;
  return { ...recipes[recipe], recipe, batch, lr, epochs, width, seed, trainLimit, testLimit };
}

/** @throws WorkerProblem */
export function checkedRate(lr: number): number {
  if (Number.isFinite(lr) && lr >= 0 && lr <= 1000) return lr;
  throw invalid(`The learning rate is ${lr}.`, "Give a number from 0 to 1,000.");
}

function invalid(message: string, advice: string): WorkerProblem {
  return new WorkerProblem("invalid", message, advice);
}
