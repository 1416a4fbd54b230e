/** Loss and accuracy of a model on a set. */
import type { Batch, GpuImages } from "../data/gpu-images.ts";
import { Metrics, type MetricsResult } from "../tensor/ops/metrics.ts";
import { softmaxCrossEntropy } from "../tensor/ops/softmax-cross-entropy.ts";
import { noGrad } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Pace } from "./pace.ts";

/** What training and evaluation ask of a model; every `nn.Module` that takes images and gives logits has it. */
export interface Classifier {
  /** From f32 `[N, H, W, C]` to logits `[N, classes]`. */
  forward(images: Tensor, options: { readonly training: boolean }): Tensor;
}

export interface EvaluateOptions {
  /** Images a batch, 128 by default; the last batch is smaller where it doesn't divide the set. */
  readonly batch?: number;
  /** Stops with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each batch was given to the GPU. */
  readonly onProgress?: (done: number, total: number) => void;
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
  const { batch = 128, signal, onProgress } = options;
  const metrics = new Metrics(images.gpu);
  const pace = new Pace(images.gpu);
  const next = images.inOrder(batch);
  let done = 0;
  for (;;) {
    signal?.throwIfAborted();
    const before = done;
    images.gpu.scope(() => {
      const taken = next();
      if (!taken) return;
      evaluationStep(model, taken, metrics);
      done += taken.count;
    });
    if (done === before) return metrics.read();
    onProgress?.(done, images.count);
    await pace.step();
  }
}

/** One batch of an evaluation. */
export function evaluationStep(model: Classifier, { images, labels }: Batch, metrics: Metrics): void {
  noGrad(() => {
    const logits = model.forward(images, { training: false });
    metrics.add(softmaxCrossEntropy(logits, labels), logits, labels);
  });
}
