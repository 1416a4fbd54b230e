/** What a trained model says of a picture. */
import { type Gpu, train } from "wgrad";
import type { Pretrained } from "../pretrained.ts";

export interface Answer {
  /** The class. */
  readonly name: string;
  /** Softmax's value, 0 to 1. */
  readonly share: number;
}

/** Asks about one picture after the other, by test-time augmentation. */
export class PictureClassifier {
  readonly #gpu: Gpu;
  readonly #pretrained: Pretrained;
  readonly #judge: train.Classifier;

  constructor(gpu: Gpu, pretrained: Pretrained) {
    this.#gpu = gpu;
    this.#pretrained = pretrained;
    this.#judge = train.testTimeAugmentation(pretrained.model);
  }

  /**
   * @param pixels RGB of 32 x 32 pixels
   * @param most how many answers
   * @returns the likeliest first @throws Error if the model's logits aren't numbers
   */
  async answers(pixels: Uint8Array, most: number): Promise<Answer[]> {
    const gpu = this.#gpu;
    const { mean, std } = this.#pretrained.normalization;
    const values = Float32Array.from(
      pixels,
      (byte, k) => (byte / 255 - (mean[k % 3] ?? 0)) / (std[k % 3] ?? 1),
    );
    const logits = gpu.scope(() =>
      this.#judge.forward(gpu.tensor(values, [1, 32, 32, 3]), { training: false }),
    );
    const shares = softmax(await logits.data());
    if (shares.some(Number.isNaN)) throw new Error("the model answers with NaN: its file is of no use");
    return shares
      .map((share, label) => ({ name: this.#pretrained.classNames[label] ?? String(label), share }))
      .sort((a, b) => b.share - a.share)
      .slice(0, most);
  }
}

function softmax(logits: Float32Array): number[] {
  const highest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
