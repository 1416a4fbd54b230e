/** Loss and accuracy of a model on a set. */
import type { GpuImages } from "../data/gpu-images.ts";
import type { MetricsResult } from "../tensor/ops/metrics.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What training and evaluation ask of a model; every `nn.Module` that takes images and gives logits has it. */
export interface Classifier {
  /** From f32 `[N, H, W, C]` to logits `[N, classes]`. */
  forward(images: Tensor, options: { readonly training: boolean }): Tensor;
}

/** What `evaluate` takes beside model and images. */
export interface EvaluateOptions {
  /** Images a batch, 128 by default; the last batch is smaller where it doesn't divide the set. */
  readonly batch?: number;
  /** Runs the model's code for each batch, in place of a recording. */
  readonly eager?: boolean | undefined;
  /** Stops with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each batch was given to the GPU. */
  readonly onProgress?: (done: number, total: number) => void;
  /**
   * Given each batch's logits `[n, classes]` and the index of its first image, while the call lasts: `logits.data()` may be awaited
   * later. A promise that it returns is awaited before the evaluation ends. `Predictions` of `wgrad/node` takes them.
   */
  readonly onLogits?: ((logits: Tensor, first: number) => unknown) | undefined;
}

/**
 * Mean loss and accuracy over all images, in order, with the model in evaluation mode. Every image counts once, whatever the batch.
 * @throws the signal's reason if it's aborted; Error if a kernel failed
 */
export async function evaluate(
  model: Classifier,
  images: GpuImages,
  options: EvaluateOptions = {},
): Promise<MetricsResult> {
  const { evaluateInOrder } = await import("./loops.ts");
  return evaluateInOrder(model, images, options);
}
