import { countCorrectRows, metricsAdd } from "../../kernels/cross-entropy.ts";
import type { Gpu } from "../gpu.ts";
import { Tensor } from "../tensor.ts";
import { requireFloat } from "./check.ts";
import { checkLogits, type Labels, uploadLabels } from "./softmax-cross-entropy.ts";

/**
 * The number of rows whose largest logit is their label's. The first of equal logits counts, and NaN is the largest. No gradient.
 * @param logits `[N, C]`
 * @param labels `[N]`; a tensor's label that names no class counts as wrong
 * @returns u32 `[1]`
 * @throws Error if shapes don't fit, or a label of an Int32Array is out of range
 */
export function countCorrect(logits: Tensor, labels: Labels): Tensor {
  const size = checkLogits("countCorrect", logits, labels);
  const labelTensor = labels instanceof Tensor ? labels : uploadLabels(logits, labels);
  const count = logits.gpu.empty([1], "u32");
  countCorrectRows(logits.device, { logits, labels: labelTensor, count }, size);
  if (labelTensor !== labels) labelTensor.claim.release("countCorrect");
  return count;
}

/** What `Metrics` has counted. */
export interface MetricsResult {
  /** Mean over all images, whatever the sizes of the batches were; NaN before the first. */
  readonly loss: number;
  /** Share of right answers; NaN before the first. */
  readonly accuracy: number;
  readonly correct: number;
  readonly count: number;
}

/** Loss and accuracy over many batches, added up on the GPU: `add` waits for nothing, `read` is for the end of an epoch. */
export class Metrics {
  readonly #words: Tensor;

  constructor(gpu: Gpu) {
    this.#words = gpu.tensor(new Uint32Array(4), [4], { name: "metrics" }).keep();
  }

  /** Adds a batch. @param loss its mean loss, one element @throws Error for another loss, and as `countCorrect` */
  add(loss: Tensor, logits: Tensor, labels: Labels): void {
    requireFloat("Metrics.add", "loss", loss);
    if (loss.size !== 1)
      throw new Error(
        `[Metrics.add] 'loss' must be the batch's mean, one element, but got ${loss}; take mean(loss)`,
      );
    const count = countCorrect(logits, labels);
    const rows = logits.shape[0] ?? 0;
    metricsAdd(logits.device, { loss, count, metrics: this.#words, n: 1, rows });
    this.#words.storage.version += 1;
    count.claim.release("Metrics.add");
  }

  /** The figures since the last reset. Waits for the GPU. */
  async read(): Promise<MetricsResult> {
    const words = await this.#words.data<Uint32Array<ArrayBuffer>>();
    const [sum = 0] = new Float32Array(words.buffer);
    const [, , correct = 0, count = 0] = words;
    return { loss: sum / count, accuracy: correct / count, correct, count };
  }

  /** What was added up, exactly: for snapshots. Waits for the GPU. */
  async state(): Promise<number[]> {
    return [...(await this.#words.data<Uint32Array<ArrayBuffer>>())];
  }

  /** Goes on from what `state` gave. */
  restore(state: readonly number[]): void {
    this.#words.write(new Uint32Array(state));
  }

  /** Starts from nothing, in program order with the work given so far. */
  reset(): void {
    this.#words.write(new Uint32Array(4));
  }
}
