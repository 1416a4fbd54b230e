/** Models as `.safetensors`, those that Node's commands read and write too. */
import { type Gpu, nn } from "wgrad";
import { loadPretrained, PretrainedError, savePretrained } from "../../pretrained.ts";
import { recipeNames } from "../../recipes.ts";
import type { ModelKind } from "../protocol.ts";
import type { LiveModel } from "./models.ts";
import { inPageTerms, WorkerProblem } from "./problems.ts";
import type { RunRecord } from "./run-record.ts";

export interface Checkpoint {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A run's model as it is now, its weights whole: Node's answers are the same. */
export async function saveRun(
  { model }: LiveModel,
  record: RunRecord,
  classes: readonly string[],
): Promise<Checkpoint> {
  const { settings, dataset, normalization, epochs, title } = record;
  const { recipe, width, seed } = settings;
  const accuracy = epochs.at(-1)?.validationAccuracy ?? Number.NaN;
  const bytes = await savePretrained(
    model,
    {
      model: recipe === "record" ? "vggFast" : "vgg",
      ...{ width, recipe, seed, accuracy },
      classNames: classes,
      normalization: normalization ?? { mean: [0, 0, 0], std: [1, 1, 1] },
      epochs: epochs.length,
      dataset: dataset.synthetic ? "synthetic" : "cifar100",
      accuracyTta: Number.NaN, // not measured while training
    },
    "F32",
  );
  return {
    name: `${title.replaceAll(/[^\w.]+/g, "-").toLowerCase()}-epoch-${epochs.length}.safetensors`,
    bytes,
  };
}

/** @throws WorkerProblem that names the file */
export function loadModel(gpu: Gpu, kind: ModelKind, name: string, bytes: Uint8Array): LiveModel {
  try {
    const { model, classNames, normalization, metadata } = loadPretrained(gpu, bytes);
    const { width, recipe: trained, dataset } = metadata;
    const recipe = recipeNames.find((each) => each === trained);
    return {
      ...{ kind, gpu, model, normalization, classes: classNames },
      title: `${trained ?? metadata.model}, width ${width}, ${dataset ?? "unknown data"}${kind === "loaded" ? ` (${name})` : ""}`,
      settings: {
        recipe: recipe ?? (metadata.model === "vggFast" ? "record" : "chainer-2016"),
        width: Number(width),
        dropout: false,
      },
      synthetic: dataset === "synthetic",
    };
  } catch (error) {
    if (!(error instanceof PretrainedError || error instanceof nn.SafetensorsError)) throw error;
    const message = `'${name}': ${inPageTerms(error.message)}`;
    const advice = "Pick a .safetensors file that this page, npm run cifar100 or its authors saved.";
    throw new WorkerProblem("wrong-file", message, advice, { cause: error });
  }
}
