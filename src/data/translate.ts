/** Images moved by whole pixels: what test-time augmentation looks at. */
import { translateImages } from "../kernels/translate.ts";
import { formatShape } from "../tensor/shape.ts";
import { willRecord } from "../tensor/tape.ts";
import { emptyLike, type Tensor } from "../tensor/tensor.ts";

/** How far `translate` moves images, and whether it mirrors them. */
export interface TranslateOptions {
  /** Pixels by which the view lies lower than the image; negative: higher. 0 by default. */
  readonly down?: number;
  /** Pixels by which the view lies further right; negative: left. 0 by default. */
  readonly right?: number;
  /** Mirrors the image left and right before it's moved. */
  readonly mirror?: boolean;
}

/**
 * A view of each image, padded by reflection (the edge isn't repeated): `y[h, w] = m[reflect(h + down), reflect(w + right)]`, where m is x, or x
 * mirrored left and right. Content moves against the view: with `down: 1`, row 1 of x is row 0 of y.
 *
 * No gradient flows through it.
 * @param images f32 `[N, H, W, C]`
 * @returns the same shape
 * @throws Error for moves of H rows, W columns or more, and where a gradient would be lost
 */
export function translate(
  images: Tensor,
  { down = 0, right = 0, mirror = false }: TranslateOptions = {},
): Tensor {
  const { shape, dtype } = images;
  const [, height = 0, width = 0, channels = 1] = shape;
  if (shape.length !== 4 || dtype !== "f32")
    throw new Error(`[translate] 'images' must be f32 [N, H, W, C], but got ${dtype} ${formatShape(shape)}`);
  for (const [key, value, size] of [
    ["down", down, height],
    ["right", right, width],
  ] as const) {
    if (Number.isSafeInteger(value) && Math.abs(value) < size) continue;
    throw new Error(
      `[translate] '${key}' must be whole pixels from ${1 - size} to ${size - 1} for images ${formatShape(shape)}, but got ${value}`,
    );
  }
  if (willRecord(images)) {
    throw new Error(
      "[translate] 'images' need a gradient, which doesn't flow through translate; call it in noGrad, or detach() them",
    );
  }
  const y = emptyLike(images);
  translateImages(images.device, {
    x: images,
    y,
    n: images.size,
    height,
    width,
    channels,
    down,
    right,
    mirror: Number(mirror),
  });
  return y;
}
