/** `--evaluate FILE`: the test accuracy of a snapshot. */
import { data, train } from "wgrad";
import { loadSnapshot } from "wgrad/node";
import { openGpu } from "./adapter.ts";
import { type DataRequest, findData } from "./dataset.ts";
import type { Options } from "./options.ts";
import { judged, type Model, makeModel } from "./plan.ts";
import type { RecipeName } from "./recipes.ts";
import { savedSettings } from "./settings.ts";

/** 0 to 1. */
export interface Accuracies {
  /** As the recipe judges its models. */
  readonly accuracy: number;
  /** Of the images as they are, where that's something else. */
  readonly plain?: number;
}

/** @throws Error if the file holds no model, or the test set isn't there */
export async function evaluateRun(options: Options, signal: AbortSignal): Promise<Accuracies> {
  const snapshot = await loadSnapshot(options.evaluate ?? "");
  const info = train.describeRun(snapshot);
  const saved = savedSettings(info);
  const gpu = await openGpu(options, info.configurations);
  try {
    const testLimit = options.testLimit ?? saved.testLimit;
    const request: DataRequest = { ...options, signal, trainLimit: 1, testLimit };
    const { test } = (await findData(request, saved.dataset)).source;
    const model = makeModel(gpu, saved, test.classes.length);
    train.restoreRun(snapshot, { model });
    const images = data.fromArrays(gpu, test, {
      ...saved.normalization,
      ...(testLimit > 0 && { limit: testLimit }),
    });
    return await accuraciesOf(saved, model, images, {
      batch: options.batchsize ?? saved.batch,
      eager: options.eager,
      signal,
    });
  } finally {
    gpu.destroy();
  }
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
