/** The loop of `evaluate`. */
import type { Batch, GpuImages } from "../data/gpu-images.ts";
import { Metrics, type MetricsResult } from "../tensor/ops/metrics.ts";
import { softmaxCrossEntropy } from "../tensor/ops/softmax-cross-entropy.ts";
import { noGrad } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Classifier, EvaluateOptions } from "./evaluate.ts";
import { Pace } from "./pace.ts";

/** See `evaluate`. */
export async function evaluateInOrder(
  model: Classifier,
  images: GpuImages,
  { batch = 128, eager = false, signal, onProgress, onLogits = () => {} }: EvaluateOptions,
): Promise<MetricsResult> {
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
