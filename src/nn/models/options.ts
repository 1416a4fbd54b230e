/** What the models have in common: their input, and the checks of it and of their options. */
import { formatShape } from "../../tensor/shape.ts";
import { Tensor } from "../../tensor/tensor.ts";

/** Images, `[N, 32, 32, 3]` where a model says no other, or a batch of a data set. */
export type ImageInput = Tensor | { readonly images: Tensor };

export function imagesOf(input: ImageInput): Tensor {
  return input instanceof Tensor ? input : input.images;
}

/** @throws Error unless the images are `[N, 32, 32, 3]` */
export function cifarImages(model: string, input: ImageInput): Tensor {
  const images = imagesOf(input);
  const [, ...image] = images.shape;
  if (image.join() !== "32,32,3")
    throw new Error(`[${model}] 'images' must be [N, 32, 32, 3], but got ${formatShape(images.shape)}`);
  return images;
}

/** @throws Error for a width that leaves fractions of `channels`, or a number of classes that isn't a positive integer */
export function checkModelOptions(model: string, width: number, channels: number, classes: number): void {
  if (!Number.isInteger(channels * width) || width <= 0) {
    throw new Error(
      `[${model}] 'width' must be a positive multiple of 1/${channels}, so that ${channels} x width channels are an integer, but got ${width}`,
    );
  }
  checkCount(model, "classes", classes);
}

/** @throws Error unless it's a positive integer */
export function checkCount(model: string, name: string, count: number): void {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new Error(`[${model}] '${name}' must be a positive integer, but got ${count}`);
}
