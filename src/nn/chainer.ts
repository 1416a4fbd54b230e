/** Chainer's trained VGG. What reads it comes on demand: few need it. */
import type { Vgg } from "./models/vgg.ts";

/**
 * Loads what Chainer's `examples/cifar` saved: `chainer.serializers.save_npz` of its VGG or of the classifier around it, or a snapshot of its trainer.
 * Convolutions' `[Co, Ci, Kh, Kw]` become `[Co, Kh, Kw, Ci]`; `N`, the count of batch normalization's updates, isn't needed.
 * @param file the bytes of the `.npz`, floats of 16, 32 or 64 bits (the last are rounded)
 * @param model of as many classes and the same width, 1 for Chainer's own
 * @throws Error for a file that is damaged, holds a name twice, or no such model; one that lists all missing, unexpected and mismatched arrays.
 *   Then nothing was changed
 */
export async function fromChainer(file: Uint8Array, model: Vgg): Promise<void> {
  const { loadChainer } = await import("./chainer-npz.ts");
  await loadChainer(file, model);
}
