/**
 * Recipe `record`: the ideas of airbench (Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024) for CIFAR-100's 100 classes.
 * docs/learning.md says what each part is and brings.
 */
import { data, type Gpu, nn, optim, type Tensor } from "wgrad";
import type { Plan } from "./plan.ts";
import type { Settings } from "./recipes.ts";

/** What can be left out of the recipe, to see what it brings: bench/ablations.ts. */
export const parts = [
  "whitening",
  "identity initialisation",
  "crop",
  "flip",
  "label smoothing",
  "fast biases",
  "Nesterov",
  "triangle",
  "lookahead",
] as const;
export type Part = (typeof parts)[number];

const whitenedImages = 5000;
const lookaheadEvery = 5;
/** Biases learn so much faster than weights; the product of rate and decay is the same. */
const biasRate = 64;
const weightDecay = 1.333e-3;

export async function recordPlan(
  gpu: Gpu,
  settings: Settings,
  images: data.GpuImages,
  without?: Part,
): Promise<Plan> {
  const { width, seed, lr, epochs } = settings;
  const has = (part: Part) => part !== without;
  const first = images.inOrder(Math.min(whitenedImages, images.count))()?.images;
  const whitening = first && nn.whitening(await first.data(), first.shape);
  const model = nn.vggFast(gpu, { classes: images.classCount, width, seed, whitening });
  if (!has("whitening")) {
    startAtRandom([model.whiten.weight], seed);
    model.whiten.weight.requiresGrad = true;
  }
  if (!has("identity initialisation"))
    startAtRandom(
      model.groups.parameters().filter(({ shape }) => shape.length === 4),
      seed,
    );
  const { weights, biases } = nn.weightsAndBiases(model);
  const scale = has("fast biases") ? biasRate : 1;
  const groups = [
    { parameters: weights, weightDecay },
    { parameters: biases, lrScale: scale, weightDecay: weightDecay / scale },
  ];
  const sgd = optim.sgd(groups, { lr, momentum: 0.85, nesterov: has("Nesterov") });
  const lookahead = optim.lookahead(sgd, {
    tensors: [...weights, ...biases, ...model.namedBuffers().map(([, statistics]) => statistics)],
    every: lookaheadEvery,
    decay: (progress) => 0.95 ** lookaheadEvery * progress ** 3,
  });
  return {
    model,
    optimizer: has("lookahead") ? lookahead : sgd,
    fit: {
      schedule: has("triangle") ? optim.triangular({ lr, epochs }) : () => lr,
      labelSmoothing: has("label smoothing") ? 0.2 : 0,
      augment: data.augment({ crop: has("crop") ? 2 : 0, flip: has("flip") ? "alternating" : "none" }),
    },
  };
}

function startAtRandom(weights: readonly Tensor[], seed: number): void {
  const init = nn.init.fanInUniform({ seed });
  for (const weight of weights) weight.write(init(weight.shape));
}
