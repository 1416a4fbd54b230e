import {
  type AveragePoolSize,
  adaptiveWindows,
  averagePoolGrad,
  averagePoolRun,
  fixedWindows,
} from "../../kernels/average-pool.ts";
import { record } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { mean } from "./reduce.ts";
import { type Extents, imagesOf, type PoolOptions, pairOf, poolOf } from "./windows.ts";

/** The windows of `avgPool2d`. */
export interface AvgPool2dOptions extends PoolOptions {
  /** Whether the padding in a window counts as zeros, as in PyTorch by default; if not, the mean is over the pixels in it. */
  readonly countIncludePad?: boolean;
}

/**
 * The mean of each window, per channel. Windows that don't fit are left out (rounded down).
 *
 * Gradient: each pixel gets `dy / count` of every window that holds it.
 * @param x `[N, H, W, C]`
 * @returns `[N, floor((H + 2 padding - size) / stride) + 1, floor((W + 2 padding - size) / stride) + 1, C]`
 * @throws Error if x has another rank, the padding is more than half the window, or the window is larger than the padded image
 */
export function avgPool2d(x: Tensor, options: AvgPool2dOptions): Tensor {
  const { images, height, width, channels, size, stride, padding } = poolOf("avgPool2d", x, options);
  return averagePool("avgPool2d", x, {
    ...{ images, channels, countIncludePad: options.countIncludePad ?? true },
    height: fixedWindows(height, size[0], stride[0], padding[0]),
    width: fixedWindows(width, size[1], stride[1], padding[1]),
  });
}

/**
 * The means of windows that divide the image into `extents`, whatever its size, as PyTorch's `adaptive_avg_pool2d`: window o of a
 * height H goes from `floor(o H / Ho)` to `ceil((o + 1) H / Ho)`, so neighbours share pixels where Ho doesn't divide H.
 *
 * Gradient: as `avgPool2d`.
 * @param x `[N, H, W, C]`
 * @param extents `[Ho, Wo]`, or one number for both
 * @returns `[N, Ho, Wo, C]`
 * @throws Error if x has another rank, or the extents aren't positive integers
 */
export function adaptiveAvgPool2d(x: Tensor, extents: Extents): Tensor {
  const { images, height, width, channels } = imagesOf("adaptiveAvgPool2d", x);
  const [ho, wo] = pairOf("adaptiveAvgPool2d", "extents", extents);
  return averagePool("adaptiveAvgPool2d", x, {
    ...{ images, channels, countIncludePad: true },
    ...{ height: adaptiveWindows(height, ho), width: adaptiveWindows(width, wo) },
  });
}

/**
 * The mean over all pixels, per channel: what stands before the last layer of a ResNet.
 * @param x `[N, H, W, C]`
 * @returns `[N, C]`
 * @throws Error if x has another rank
 */
export function globalAvgPool2d(x: Tensor): Tensor {
  imagesOf("globalAvgPool2d", x);
  return mean(x, { axes: [1, 2] });
}

function averagePool(op: string, x: Tensor, pool: AveragePoolSize): Tensor {
  const { device } = x;
  const y = x.gpu.empty([pool.images, pool.height.windows, pool.width.windows, pool.channels]);
  averagePoolRun(device, { x, y }, pool);
  return record(op, y, [x], {
    backward: (dy, gradients) => gradients.into(x, (dx) => averagePoolGrad(device, { dy, dx }, pool)),
  });
}
