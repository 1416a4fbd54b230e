import { maxPoolGrad, maxPoolIndexWords, maxPoolOutput, maxPoolRun } from "../../kernels/max-pool.ts";
import { formatShape } from "../shape.ts";
import { record } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { requireFloat } from "./check.ts";

export interface MaxPool2dOptions {
  /** Extent of the window, or `[height, width]`. */
  readonly size: number | readonly [height: number, width: number];
  /** Step from window to window, by default the size. */
  readonly stride?: number | readonly [height: number, width: number];
}

/**
 * The largest element of each window, per channel. Windows that don't fit are left out (no padding, rounded down).
 *
 * The gradient goes to the first maximum of a window in row-major order. A window that holds NaN gives NaN.
 * @param x `[N, H, W, C]`
 * @returns `[N, floor((H - size) / stride) + 1, floor((W - size) / stride) + 1, C]`
 * @throws Error if x has another rank, or the window is larger than the image
 */
export function maxPool2d(x: Tensor, options: MaxPool2dOptions): Tensor {
  requireFloat("maxPool2d", "x", x);
  const [images, height, width, channels] = x.shape;
  if (
    x.shape.length !== 4 ||
    images === undefined ||
    height === undefined ||
    width === undefined ||
    channels === undefined
  ) {
    throw new Error(`[maxPool2d] 'x' must be [N, H, W, C], but got ${formatShape(x.shape)}`);
  }
  const size = pair("size", options.size);
  const stride = pair("stride", options.stride ?? options.size);
  if (size[0] > height || size[1] > width) {
    throw new Error(
      `[maxPool2d] 'size' ${formatShape(size)} must not exceed the height and width of x ${formatShape(x.shape)}; ` +
        "pool less often or with a smaller window",
    );
  }
  const pool = { images, height, width, channels, size, stride };
  const { device, gpu } = x;
  const y = gpu.empty([images, ...maxPoolOutput(pool), channels]);
  const indices = gpu.temporary([maxPoolIndexWords(pool)], "u32");
  maxPoolRun(device, { x, y, indices }, pool);
  return record("maxPool2d", y, [x], {
    temporaries: [indices],
    backward: (dy, gradients) => gradients.into(x, (dx) => maxPoolGrad(device, { dy, indices, dx }, pool)),
  });
}

function pair(name: string, value: number | readonly [number, number]): readonly [number, number] {
  const [height, width] = typeof value === "number" ? [value, value] : value;
  if (Number.isInteger(height) && Number.isInteger(width) && height > 0 && width > 0) return [height, width];
  throw new Error(
    `[maxPool2d] '${name}' must be a positive integer or two of them, but got ${formatShape([height, width])}`,
  );
}
