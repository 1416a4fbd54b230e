/** What the settings of a run mean: its model, its optimiser and how `train.fit` runs it. Needs no files, so the web page shares it. */
import { data, type Gpu, nn, optim, train } from "wgrad";
import type { Settings } from "./recipes.ts";
import { recordPlan } from "./record.ts";

export type Model = nn.Module & train.Classifier;

export interface Plan {
  readonly model: Model;
  readonly optimizer: optim.Optimizer;
  readonly fit: Pick<train.FitOptions, "schedule" | "labelSmoothing" | "augment">;
}

/** What is subtracted from the channels of byte / 255, and what divides them then. */
export type Normalization = {
  readonly mean: readonly number[];
  readonly std: readonly number[];
};

/** VGG takes images from 0 to 1, as Chainer's example does; `record` normalises each channel by the training set. */
export function normalizationFor({ recipe }: Settings, images: data.ImageArrays): Normalization | undefined {
  return recipe === "record" ? data.channelStatistics(images) : undefined;
}

/** The model without what it learns or takes from data. */
export function makeModel(gpu: Gpu, settings: Settings, classes: number): Model {
  const { recipe, width, dropout, seed } = settings;
  if (recipe === "record") return nn.vggFast(gpu, { classes, width, seed });
  return nn.vgg(gpu, { classes, width, dropout, seed });
}

/** As the recipe judges its models: `record` by six views of each image. */
export function judged({ recipe }: Pick<Settings, "recipe">, model: Model): train.Classifier {
  return recipe === "record" ? train.testTimeAugmentation(model) : model;
}

export async function makePlan(gpu: Gpu, settings: Settings, images: data.GpuImages): Promise<Plan> {
  return settings.recipe === "record" ? recordPlan(gpu, settings, images) : chainer(gpu, settings, images);
}

/** Chainer's `examples/cifar`. */
function chainer(gpu: Gpu, settings: Settings, { classCount }: data.GpuImages): Plan {
  const { lr, halveEvery } = settings;
  const model = makeModel(gpu, settings, classCount);
  const rule = { momentum: 0.9, weightDecay: 5e-4, rule: "chainer" } as const;
  return {
    model,
    optimizer: optim.sgd(model.parameters(), { lr, ...rule }),
    fit: { schedule: optim.stepDecay({ lr, every: halveEvery }) },
  };
}
