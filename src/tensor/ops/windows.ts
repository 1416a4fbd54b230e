/** Checks of the ops whose windows move over images. */
import { kindOf, requireOptions } from "../kind.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { requireFloat } from "./check.ts";

/** One number for both directions, or `[height, width]`. */
export type Extents = number | readonly [height: number, width: number];

/** @throws Error unless both are integers of at least `least`, 1 or 0 */
export function pairOf(
  op: string,
  name: string,
  value: Extents,
  least: 0 | 1 = 1,
): readonly [height: number, width: number] {
  const given = Array.isArray(value) ? value : [value, value];
  const [height, width] = given;
  if (given.length === 2 && [height, width].every((extent) => Number.isInteger(extent) && extent >= least))
    return [height, width];
  throw new Error(
    `[${op}] '${name}' must be a ${least === 1 ? "positive" : "non-negative"} integer or two of them, ` +
      `but got ${Array.isArray(value) ? formatShape(value) : kindOf(value)}`,
  );
}

/** The extents of `[N, H, W, C]`. @throws Error for another rank or type */
export function imagesOf(op: string, x: Tensor) {
  requireFloat(op, "x", x);
  const [images = 0, height = 0, width = 0, channels = 0] = x.shape;
  if (x.shape.length !== 4)
    throw new Error(`[${op}] 'x' must be [N, H, W, C], but got ${formatShape(x.shape)}`);
  return { images, height, width, channels };
}

/** The windows of a pool. */
export interface PoolOptions {
  /** Extent of the window, or `[height, width]`. */
  readonly size: Extents;
  /** Step from window to window, by default the size. */
  readonly stride?: Extents;
  /** Pixels around the image, at most half the size: on each side, or `[top and bottom, left and right]`. 0 by default. */
  readonly padding?: Extents;
}

/** Images and windows of a pooling op. @throws Error for what doesn't fit */
export function poolOf(op: string, x: Tensor, options: PoolOptions) {
  const images = imagesOf(op, x);
  requireOptions(op, options);
  const size = pairOf(op, "size", options.size);
  const stride = pairOf(op, "stride", options.stride ?? options.size);
  const padding = pairOf(op, "padding", options.padding ?? 0, 0);
  if (2 * padding[0] > size[0] || 2 * padding[1] > size[1]) {
    throw new Error(
      `[${op}] 'padding' ${formatShape(padding)} must be at most half of 'size' ${formatShape(size)}: a window may not lie outside x`,
    );
  }
  if (size[0] > images.height + 2 * padding[0] || size[1] > images.width + 2 * padding[1]) {
    const padded = padding[0] + padding[1] > 0 ? ` with padding ${formatShape(padding)}` : "";
    throw new Error(
      `[${op}] 'size' ${formatShape(size)} must not exceed the height and width of x ${formatShape(x.shape)}${padded}; ` +
        "pool less often or with a smaller window",
    );
  }
  return { ...images, size, stride, padding };
}
