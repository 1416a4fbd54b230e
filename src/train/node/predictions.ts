/**
 * What a classifier answers for each image of a set: for confusion matrices and for looking at single answers.
 *
 * Logits are read back while the evaluation goes on, behind the work given so far (51 kB a batch of 128 images and 100 classes), and
 * become classes on the host: a validation pays a copy for it, and no second pass.
 */
import type { GpuImages } from "../../data/gpu-images.ts";
import type { MetricsResult } from "../../tensor/ops/metrics.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Classifier, type EvaluateOptions, evaluate } from "../evaluate.ts";

/** One answer for each image, in the set's order. */
export interface Answers {
  /** The class of the largest logit; the first of equal ones, and NaN is the largest, as `countCorrect` has it. */
  readonly classes: Uint16Array;
  /** Softmax's value of that class, 0 to 1; NaN where logits are. */
  readonly confidences: Float32Array;
}

/** Gathers answers from `evaluate` or `fit`: `const answers = new Predictions(set.test.count)`, `onLogits: answers.add`, then `read`. */
export class Predictions {
  readonly #answers: Answers;
  #pending: Promise<void>[] = [];

  /** @param count images of the set */
  constructor(count: number) {
    this.#answers = { classes: new Uint16Array(count), confidences: new Float32Array(count) };
  }

  /** Takes a batch's logits `[n, classes]`. @returns when the answers are there */
  readonly add = (logits: Tensor, first: number): Promise<void> => {
    const [, classes = 1] = logits.shape;
    const read = logits.data().then((values) => {
      for (let row = 0; row * classes < values.length; row++) {
        const { best, confidence } = answer(values.subarray(row * classes, (row + 1) * classes));
        this.#answers.classes[first + row] = best;
        this.#answers.confidences[first + row] = confidence;
      }
    });
    read.catch(() => {}); // it's thrown by read()
    this.#pending.push(read);
    return read;
  };

  /** The answers so far, in arrays that the next batches write into. Waits for the GPU. @throws Error if a kernel failed */
  async read(): Promise<Answers> {
    const pending = this.#pending;
    this.#pending = [];
    await Promise.all(pending);
    return this.#answers;
  }
}

/** Evaluates a model and says what it answered for each image. */
export async function predict(
  model: Classifier,
  images: GpuImages,
  options: Omit<EvaluateOptions, "onLogits"> = {},
): Promise<Answers & { readonly metrics: MetricsResult }> {
  const predictions = new Predictions(images.count);
  const metrics = await evaluate(model, images, { ...options, onLogits: predictions.add });
  return { ...(await predictions.read()), metrics };
}

/**
 * How often images of class `row` were taken for class `column`: `[classes][classes]`.
 * @param labels the true classes
 * @param answers `Answers.classes`
 * @throws RangeError if lengths differ or a class doesn't exist
 */
export function confusionMatrix(
  labels: ArrayLike<number>,
  answers: ArrayLike<number>,
  classes: number,
): number[][] {
  if (labels.length !== answers.length) {
    throw new RangeError(
      `[confusionMatrix] there are ${labels.length} labels but ${answers.length} answers; give one of each an image`,
    );
  }
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let k = 0; k < labels.length; k++) {
    const row = counts[labels[k] ?? -1];
    const column = answers[k] ?? -1;
    if (row?.[column] === undefined) {
      throw new RangeError(
        `[confusionMatrix] image ${k} has label ${labels[k]} and answer ${column}, but there are ${classes} classes`,
      );
    }
    row[column] = (row[column] ?? 0) + 1;
  }
  return counts;
}

function answer(logits: Float32Array): { readonly best: number; readonly confidence: number } {
  const firstNaN = logits.findIndex(Number.isNaN);
  if (firstNaN >= 0) return { best: firstNaN, confidence: Number.NaN };
  const largest = Math.max(...logits);
  const sum = logits.reduce((total, value) => total + Math.exp(value - largest), 0);
  return { best: logits.indexOf(largest), confidence: 1 / sum };
}
