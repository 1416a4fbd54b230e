/**
 * Trained models as `.safetensors`: weights in half precision, and as metadata all that using them takes, so that the file is enough.
 * Vectors stay in single precision: they are few, and running variances can be too small for a half.
 */
import { type Gpu, nn } from "wgrad";
import type { Model, Normalization } from "./plan.ts";

/** What is known of a trained model; each is a string of the file's metadata. */
export interface PretrainedSettings {
  readonly model: ModelName;
  /** Scales the channels. */
  readonly width: number;
  /** By label; `classes` in the file is their number. */
  readonly classNames: readonly string[];
  /** The images' normalization: zeros and ones where there is none. */
  readonly normalization: Normalization;
  readonly recipe: string;
  readonly epochs: number;
  readonly seed: number;
  readonly dataset: string;
  /** On the test set, 0 to 1. */
  readonly accuracy: number;
  /** The same with test-time augmentation, where the recipe uses it. */
  readonly accuracyTta?: number;
}

export interface Pretrained extends Pick<PretrainedSettings, "classNames" | "normalization"> {
  /** Without dropout, for evaluation. */
  readonly model: Model;
  /** All strings of the file, such as `recipe` and `accuracy`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Thrown for a file that holds no model of this example. */
export class PretrainedError extends Error {
  override readonly name = "PretrainedError";
}

type ModelName = "vgg" | "vggFast";

/** The models: how to make one, and the weight of its last layer, `[classes, channels x width]`. */
const models = {
  vgg: {
    make: (gpu: Gpu, width: number, classes: number): Model =>
      nn.vgg(gpu, { width, classes, dropout: false }),
    last: { name: "head.fc2.weight", channels: 512 },
  },
  vggFast: {
    make: (gpu: Gpu, width: number, classes: number): Model => nn.vggFast(gpu, { width, classes }),
    last: { name: "fc.weight", channels: 256 },
  },
} as const;

/**
 * The bytes of a file that `loadPretrained` reads.
 * @param weights how weights are stored: F16 is half as large, F32 gives the same answers to the last bit
 */
export async function savePretrained(
  model: Model,
  settings: PretrainedSettings,
  weights: "F16" | "F32" = "F16",
): Promise<Uint8Array<ArrayBuffer>> {
  const { classNames, normalization, accuracyTta, ...rest } = settings;
  const values = Object.entries(model.stateDict()).map(
    async ([name, tensor]) => [name, { shape: tensor.shape, data: await tensor.data() }] as const,
  );
  const texts = Object.entries({
    ...rest,
    classes: classNames.length,
    class_names: JSON.stringify(classNames),
    mean: JSON.stringify(normalization.mean),
    std: JSON.stringify(normalization.std),
    ...(accuracyTta !== undefined && { accuracy_tta: accuracyTta }),
  }).map(([key, value]) => [key, String(value)]);
  return nn.encodeSafetensors(Object.fromEntries(await Promise.all(values)), {
    metadata: Object.fromEntries(texts),
    dtype: (_, shape) => (shape.length > 1 ? weights : "F32"),
  });
}

/**
 * Makes the model that a file of `savePretrained` holds.
 * @throws nn.SafetensorsError for another format or a damaged file, PretrainedError for another model
 */
export function loadPretrained(gpu: Gpu, file: Uint8Array): Pretrained {
  const { metadata, tensors } = nn.decodeSafetensors(file);
  const name = metadata.model;
  if (!isModelName(name)) throw refusal(metadata, "model", Object.keys(models).join(" or "));
  const classNames = read(metadata, "class_names", isNames, "a list of names");
  const classes = read(metadata, "classes", isPositive, "the number of class_names");
  if (classes !== classNames.length)
    throw refusal(metadata, "classes", `the number of class_names, ${classNames.length}`);
  const width = read(metadata, "width", isPositive, "a positive number");
  const mean = read(metadata, "mean", isTriple, "a list of three numbers");
  const std = read(metadata, "std", isTriple, "a list of three numbers");
  if (!std.every(isPositive)) throw refusal(metadata, "std", "three positive numbers");

  const { make, last } = models[name];
  const wanted = [classes, last.channels * width].join(", ");
  // Looked at first: a model of whatever width the file claims would be made otherwise.
  const found = tensors[last.name]?.shape.join(", ");
  if (found !== wanted) {
    throw new PretrainedError(
      `[pretrained] '${last.name}' must be [${wanted}] as the metadata say, but ${found === undefined ? "is missing" : `is [${found}]`}: get the file again`,
    );
  }
  const model = make(gpu, width, classes);
  try {
    model.loadStateDict(tensors);
  } catch (error) {
    const lines = error instanceof Error ? error.message.split(/\s*\n\s*/) : [String(error)];
    throw new PretrainedError(`[pretrained] ${lines.join(" ")}`, { cause: error });
  }
  return { model, classNames, normalization: { mean, std }, metadata };
}

type Metadata = Readonly<Record<string, string>>;

function read<T>(metadata: Metadata, key: string, isRight: (value: unknown) => value is T, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(metadata[key] ?? "");
  } catch {
    throw refusal(metadata, key, what);
  }
  if (!isRight(value)) throw refusal(metadata, key, what);
  return value;
}

function refusal(metadata: Metadata, key: string, what: string): PretrainedError {
  const found = metadata[key] === undefined ? "is missing" : `is ${JSON.stringify(metadata[key])}`;
  return new PretrainedError(
    `[pretrained] '${key}' in the file's metadata must be ${what}, but ${found}: it's no model of this example`,
  );
}

function isModelName(name: unknown): name is ModelName {
  return typeof name === "string" && Object.hasOwn(models, name);
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

function isTriple(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === 3 && value.every((each) => Number.isFinite(each));
}
