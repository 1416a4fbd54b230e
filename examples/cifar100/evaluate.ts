/** `--evaluate FILE`: the test accuracy of a snapshot, or of a trained model as `.safetensors`. */
import { readFile } from "node:fs/promises";
import { data, type Gpu, nn, train } from "wgrad";
import { loadSnapshot } from "wgrad/node";
import { openGpu } from "./adapter.ts";
import { type DataRequest, findData } from "./dataset.ts";
import { datasetNames, type Options } from "./options.ts";
import { judged, type Model, makeModel } from "./plan.ts";
import { loadPretrained } from "./pretrained.ts";
import { type RecipeName, recipeNames, recipes } from "./recipes.ts";
import { type SavedSettings, savedSettings } from "./settings.ts";
import { naming, shown } from "./shown.ts";

/** 0 to 1. */
export interface Accuracies {
  /** As the recipe judges its models. */
  readonly accuracy: number;
  /** Of the images as they are, where that's something else. */
  readonly plain?: number;
}

/** A trained model, and what judging it takes. */
interface Trained extends Pick<SavedSettings, "recipe" | "normalization"> {
  readonly model: Model;
}

/** A file of one, before there's a GPU and a test set. */
interface TrainedFile extends Pick<SavedSettings, "dataset" | "batch" | "testLimit"> {
  /** The kernels that it was trained with. */
  readonly configurations?: train.CheckpointInfo["configurations"];
  open(gpu: Gpu, classes: number): Trained;
}

/** @throws Error if the file holds no model, or the test set isn't there */
export async function evaluateRun(options: Options, signal: AbortSignal): Promise<Accuracies> {
  const { evaluate: path = "", eager } = options;
  const file = await (path.endsWith(".safetensors") ? readModel(path) : readSnapshot(path));
  const gpu = await openGpu(options, file.configurations);
  try {
    const { testLimit = file.testLimit, batchsize: batch = file.batch } = options;
    const request: DataRequest = { ...options, signal, trainLimit: 1, testLimit };
    const { test } = (await findData(request, file.dataset)).source;
    const { model, recipe, normalization } = file.open(gpu, test.classes.length);
    const limit = testLimit > 0 ? { limit: testLimit } : {};
    const images = data.fromArrays(gpu, test, { ...normalization, ...limit });
    return await accuraciesOf({ recipe }, model, images, { batch, eager, signal });
  } finally {
    gpu.destroy();
  }
}

async function readSnapshot(path: string): Promise<TrainedFile> {
  const snapshot = await loadSnapshot(path);
  const info = train.describeRun(snapshot);
  const settings = savedSettings(info);
  return {
    ...settings,
    configurations: info.configurations,
    open: (gpu, classes) => {
      requireClasses(settings.dataset === "cifar10" ? 10 : 100, classes);
      const model = makeModel(gpu, settings, classes);
      train.restoreRun(snapshot, { model });
      return { ...settings, model };
    },
  };
}

async function readModel(path: string): Promise<TrainedFile> {
  const bytes = await readFile(path).catch((error) => {
    throw new Error(`the model ${shown(path)} can't be read (${error.code ?? error})`, { cause: error });
  });
  const { dataset } = naming(path, () => nn.decodeSafetensors(bytes)).metadata;
  return {
    dataset: datasetNames.find((name) => name === dataset) ?? "cifar100",
    batch: recipes.record.batch,
    testLimit: 0,
    open: (gpu, classes) => {
      const { model, normalization, classNames, metadata } = naming(path, () => loadPretrained(gpu, bytes));
      requireClasses(classNames.length, classes);
      const recipe = recipeNames.find((name) => name === metadata.recipe) ?? "chainer-2016";
      return { model, normalization, recipe };
    },
  };
}

function requireClasses(known: number, asked: number): void {
  if (known === asked) return;
  throw new Error(
    `the model tells ${known} classes apart, but the test set has ${asked}: name the set that it learnt by --dataset or --data`,
  );
}

/** Judges a model as its recipe does, and plainly. */
export async function accuraciesOf(
  settings: { readonly recipe: RecipeName },
  model: Model,
  images: data.GpuImages,
  options: train.EvaluateOptions,
): Promise<Accuracies> {
  const { accuracy: plain } = await train.evaluate(model, images, options);
  const judge = judged(settings, model);
  return judge === model
    ? { accuracy: plain }
    : { accuracy: (await train.evaluate(judge, images, options)).accuracy, plain };
}
