/**
 * Weights of a convolution that whitens images: its responses to them are uncorrelated and of unit power, so that what follows learns at one rate in all directions.
 *
 * All in float64: summed in float32, the second moments of images of nearly equal neighbours have had a negative eigenvalue, and the first epoch was NaN.
 */
import { formatShape, type Shape, sizeOf } from "../tensor/shape.ts";
import { symmetricEigen } from "./symmetric-eigen.ts";

/** What `whitening` takes. */
export interface WhiteningOptions {
  /** Height and width k of the patches, 2 by default. */
  readonly size?: number;
  /** Added to each eigenvalue, the mean square of its component: dampens components that hardly occur. 5e-4 by default. */
  readonly eps?: number;
}

/**
 * Filters `v / sqrt(lambda + eps)`, one for each eigenvector v of the second moments `mean over patches of outer(patch, patch)` of all k x k
 * patches of the images (no mean is subtracted), eigenvalues lambda from the largest to the smallest; then the negatives of all of them.
 *
 * A vector's sign is such that its element of largest magnitude is positive. Same images, same filters, on every machine to rounding.
 * Some 5,000 images are enough: a second for images of 32x32x3.
 * Source: Jordan, "94 % on CIFAR-10 in 3.29 seconds on a single GPU" (airbench), 2024, after Page, "How to train your ResNet", 2019.
 * @param images `[N, H, W, C]`, row-major, normalised as the model will see them
 * @returns weights `[2 k k C, k, k, C]` for a convolution without padding
 * @throws Error for another shape, images smaller than a patch, values that aren't finite, `size` or `eps` out of range
 */
export function whitening(
  images: Float32Array,
  shape: Shape,
  options: WhiteningOptions = {},
): Float32Array<ArrayBuffer> {
  const { size = 2, eps = 5e-4 } = options;
  const [, height = 0, width = 0, channels = 0] = shape;
  if (shape.length !== 4 || sizeOf(shape) !== images.length || images.length === 0) {
    throw new Error(
      `[whitening] 'shape' must be [N, H, W, C] of ${images.length} images' values, one or more, but got ${formatShape(shape)}`,
    );
  }
  if (!Number.isInteger(size) || size < 1 || size > Math.min(height, width)) {
    throw new Error(
      `[whitening] 'size' must be an integer from 1 to the images' height and width, ${height} and ${width}, but got ${size}`,
    );
  }
  if (!(eps > 0 && eps < Infinity)) throw new Error(`[whitening] 'eps' must be positive, but got ${eps}`);

  const length = size * size * channels;
  const { values, vectors } = symmetricEigen(secondMoments(images, shape, size), length);
  const filters = new Float32Array(2 * length * length);
  vectors.forEach((element, k) => {
    // What lies below 0 is rounding.
    const power = Math.max(values[Math.floor(k / length)] ?? 0, 0);
    filters[k] = element / Math.sqrt(power + eps);
    filters[length * length + k] = -(filters[k] ?? 0);
  });
  return filters;
}

/** The mean over all size x size patches of their outer product with themselves. */
function secondMoments(images: Float32Array, shape: Shape, size: number): Float64Array {
  const [count = 0, height = 0, width = 0, channels = 0] = shape;
  const row = size * channels;
  const length = size * row;
  const offsets = Int32Array.from({ length }, (_, k) => Math.floor(k / row) * width * channels + (k % row));
  // The upper triangle, row by row.
  const sums = new Float64Array((length * (length + 1)) / 2);
  const patch = new Float64Array(length);
  for (let line = 0; line < count * height; line++) {
    if ((line % height) + size > height) continue;
    for (let left = 0; left + size <= width; left++) {
      const start = (line * width + left) * channels;
      for (let k = 0; k < length; k++) patch[k] = images[start + (offsets[k] ?? 0)] ?? 0;
      for (let i = 0, at = 0; i < length; i++) {
        const x = patch[i] ?? 0;
        for (let j = i; j < length; j++, at++) sums[at] = (sums[at] ?? 0) + x * (patch[j] ?? 0);
      }
    }
  }
  if (!sums.every(Number.isFinite)) throw notFinite(images);

  const patches = count * (height - size + 1) * (width - size + 1);
  const moments = new Float64Array(length * length);
  for (let i = 0, at = 0; i < length; i++) {
    for (let j = i; j < length; j++, at++) {
      moments[i * length + j] = moments[j * length + i] = (sums[at] ?? 0) / patches;
    }
  }
  return moments;
}

function notFinite(images: Float32Array): Error {
  const at = images.findIndex((value) => !Number.isFinite(value));
  return new Error(
    `[whitening] 'images' must be finite, but element ${at} is ${images[at]}; normalise before whitening`,
  );
}
