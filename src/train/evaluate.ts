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
  const { batch = 128, eager = false, signal, onProgress, onLogits = () => {} } = options;
  const { gpu } = images;
  const metrics = new Metrics(gpu);
  const pace = new Pace(gpu);
  const pass = images.passInOrder(batch);
  const step = (size: number) => evaluationStep(model, pass.gather(size), metrics);
  const recorded = gpu.record(step);
  // What they read may be the first to see an error.
  const looks: unknown[] = [];
  try {
    let done = 0;
    for (let { size } = pass; size > 0; { size } = pass) {
      signal?.throwIfAborted();
      if (eager) gpu.scope(() => void looks.push(onLogits(step(size), done)));
      else looks.push(onLogits(recorded(size), done));
      pass.advance();
      done += size;
      onProgress?.(done, images.count);
      await pace.step();
    }
    await pace.finish();
    await Promise.all(looks);
    return await metrics.read();
  } finally {
    recorded.release();
  }
}

/** One batch of an evaluation. @returns its logits */
export function evaluationStep(model: Classifier, { images, labels }: Batch, metrics: Metrics): Tensor {
  return noGrad(() => {
    const logits = model.forward(images, { training: false });
    metrics.add(softmaxCrossEntropy(logits, labels), logits, labels);
    return logits;
  });
}
