/** What a model answers and sees. Forward passes in evaluation: they draw no random numbers and leave a run's bits alone. */
import { type data, noGrad, type Tensor } from "wgrad";
import { Predictions } from "wgrad/node";
import { judged } from "../../plan.ts";
import type { Guess, Planes, TestImage } from "../protocol.ts";
import { type LiveModel, watching } from "./models.ts";
import { WorkerProblem } from "./problems.ts";

const imageBytes = 32 * 32 * 3;
/** Images a forward pass: the same for all but the last, so that few kernels are compiled. */
const batch = 100;
const listed = 5;

/** Where images are read: bytes `[count, 32, 32, 3]`. */
export type Pixels = Pick<data.ImageSet, "images">;

/**
 * Class and confidence of the first `count` images.
 * @param onAnswered called after each batch; true ends it
 * @returns undefined if it was ended
 */
export async function answersOf(
  live: LiveModel,
  { images }: Pixels,
  count: number,
  onAnswered: (done: number) => boolean = () => false,
) {
  const predictions = new Predictions(count);
  const { gpu, model, settings } = live;
  const judge = judged(settings, model);
  for (let first = 0; first < count; first += batch) {
    const pixels = images.subarray(first * imageBytes, Math.min(count, first + batch) * imageBytes);
    gpu.scope(() => {
      predictions.add(
        noGrad(() => judge.forward(inputOf(live, pixels), evaluation)),
        first,
      );
    });
    await gpu.idle();
    if (onAnswered(Math.min(count, first + batch))) return undefined;
  }
  return predictions.read();
}

const evaluation = { training: false } as const;

/** The images of these places in a test set, with answers. */
export async function predictImages(
  live: LiveModel,
  { images, labels, count }: data.ImageSet,
  places: readonly number[],
): Promise<TestImage[]> {
  const known = places.filter((index) => Number.isInteger(index) && index >= 0 && index < count);
  const chosen = new Uint8Array(known.length * imageBytes);
  for (const [k, index] of known.entries())
    chosen.set(images.subarray(index * imageBytes, (index + 1) * imageBytes), k * imageBytes);
  const answers = await answersOf(live, { images: chosen }, known.length);
  const { classes = [], confidences = [] } = answers ?? {};
  return known.map((index, k) => ({
    index,
    pixels: rgba(chosen.subarray(k * imageBytes, (k + 1) * imageBytes)),
    label: labels[index] ?? -1,
    answer: classes[k] ?? -1,
    confidence: confidences[k] ?? Number.NaN,
  }));
}

/** The five classes that a model holds most likely for a picture of 3072 bytes. */
export async function classify(live: LiveModel, pixels: Uint8Array): Promise<Guess[]> {
  const judge = judged(live.settings, live.model);
  const logits = await valuesOf(live, () => judge.forward(inputOf(live, pixels), evaluation));
  const largest = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const weights = logits.map((value) => Math.exp(value - largest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return [...weights.keys()]
    .sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0))
    .slice(0, listed)
    .map((label) => ({
      label,
      name: live.classes[label] ?? `class ${label}`,
      confidence: (weights[label] ?? 0) / sum,
    }));
}

/** Weights of the first convolution `[out, height, width, in]`. */
export async function filtersOf({ model }: LiveModel): Promise<Planes> {
  const weight = model.namedParameters().find(([, { shape }]) => shape.length === 4)?.[1];
  if (!weight) throw new WorkerProblem("invalid", "The model has no convolution.", "Choose another view.");
  return planes(weight.shape, await weight.data<Float32Array<ArrayBuffer>>());
}

/** The output of a layer for one picture. */
export async function activationsOf(live: LiveModel, pixels: Uint8Array, layer: string): Promise<Planes> {
  let shape: readonly number[] | undefined;
  let reading: Promise<Float32Array<ArrayBuffer>> | undefined;
  const take = (path: string, output: Tensor) => {
    if (path !== layer) return;
    shape = output.shape.slice(1);
    reading = output.data<Float32Array<ArrayBuffer>>();
  };
  live.gpu.scope(() =>
    noGrad(() =>
      watching(
        live.model,
        (path, _, output) => take(path, output),
        () => live.model.forward(inputOf(live, pixels), evaluation),
      ),
    ),
  );
  if (!shape || !reading)
    throw new WorkerProblem("invalid", `The model has no layer '${layer}'.`, "Choose one of its layers.");
  return planes(shape, await reading);
}

function planes(shape: readonly number[], values: Float32Array<ArrayBuffer>): Planes {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return { shape, values, min, max };
}

/** Runs `fn` without gradients and reads what it gives. */
function valuesOf({ gpu }: LiveModel, fn: () => Tensor): Promise<Float32Array> {
  let reading: Promise<Float32Array> = Promise.resolve(new Float32Array());
  gpu.scope(() => {
    reading = noGrad(fn).data<Float32Array<ArrayBuffer>>();
  });
  return reading;
}

/** f32 `[n, 32, 32, 3]`: `(byte / 255 - mean) / std`, as data sets are normalised. */
function inputOf({ gpu, normalization }: LiveModel, bytes: Uint8Array): Tensor {
  const { mean = [0, 0, 0], std = [1, 1, 1] } = normalization ?? {};
  const values = Float32Array.from(bytes, (byte, k) => (byte / 255 - (mean[k % 3] ?? 0)) / (std[k % 3] ?? 1));
  return gpu.tensor(values, [bytes.length / imageBytes, 32, 32, 3]);
}

function rgba(pixels: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint8ClampedArray((pixels.length / 3) * 4).fill(255);
  for (let k = 0; k < pixels.length; k++) out[Math.floor(k / 3) * 4 + (k % 3)] = pixels[k] ?? 0;
  return out;
}
