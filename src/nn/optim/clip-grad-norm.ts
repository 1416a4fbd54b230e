import { clipFactor, scaleInPlace, squareSumCount, squareSums } from "../../kernels/gradient-norm.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { joinRows } from "./ranges.ts";

/**
 * Multiplies all gradients by `min(1, maxNorm / (norm + 1e-6))`, where norm is that of all of them as one vector, on the GPU: nothing is
 * read back, and it may be recorded. Between `backward()` and `step()`. Frozen parameters and those without a gradient are left
 * out; one that a loss no longer depends on has its last gradient until `grad` is set to null. A norm of NaN makes all
 * gradients NaN, an infinite one those that are finite 0.
 * Source: Pascanu et al., "On the difficulty of training recurrent neural networks", 2013; `torch.nn.utils.clip_grad_norm_`.
 * @param maxNorm above 0; a recording keeps the one it was made with
 * @returns the norm before, `[1]`
 * @throws Error if there is no gradient, or `maxNorm` is none
 */
export function clipGradNorm(parameters: readonly Tensor[], maxNorm: number): Tensor {
  if (!(maxNorm > 0)) throw new Error(`[clipGradNorm] 'maxNorm' must be above 0, but got ${maxNorm}`);
  const trained = [...new Set(parameters)].filter(({ requiresGrad }) => requiresGrad);
  const gradients = trained.flatMap(({ grad }) => grad ?? []);
  const [first] = gradients;
  if (!first) throw new Error("[clipGradNorm] needs gradients, but there is none; call backward() first");
  const { gpu, device } = first;

  const counts = gradients.map(({ size }) => squareSumCount(size));
  const count = counts.reduce((sum, next) => sum + next, 0);
  const [sums, factor] = [gpu.temporary([count]), gpu.temporary([1])];
  let at = 0;
  gradients.forEach((x, index) => {
    const n = counts[index] ?? 0;
    squareSums(device, { x, sums, n, size: x.size, first: at });
    at += n;
  });
  const norm = gpu.empty([1]);
  clipFactor(device, { sums, norm, factor, count, most: maxNorm });
  // Not an overwrite by version: a gradient that an optimiser used already stays used.
  const rows = gradients.map(({ storage }) => ({ views: { x: storage }, group: 0 }));
  for (const { views, n } of joinRows(rows)) scaleInPlace(device, { ...views, factor, n });
  for (const temporary of [sums, factor]) temporary.claim.release("clipGradNorm");
  return norm;
}
