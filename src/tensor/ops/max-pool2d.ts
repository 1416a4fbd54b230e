import {
  type MaxPoolSize,
  maxPoolGrad,
  maxPoolIndexWords,
  maxPoolOutput,
  maxPoolRun,
} from "../../kernels/max-pool.ts";
import type { Shape } from "../shape.ts";
import { record } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { type PoolOptions, poolOf } from "./windows.ts";

/** The windows of `maxPool2d`. */
export type MaxPool2dOptions = PoolOptions;

/**
 * The largest element of each window, per channel. Windows that don't fit are left out (rounded down); padded places never win.
 *
 * The gradient goes to the first maximum of a window in row-major order. A window that holds NaN gives NaN.
 * @param x `[N, H, W, C]`
 * @returns `[N, floor((H + 2 padding - size) / stride) + 1, floor((W + 2 padding - size) / stride) + 1, C]`
 * @throws Error if x has another rank, the padding is more than half the window, or the window is larger than the padded image
 */
export function maxPool2d(x: Tensor, options: MaxPool2dOptions): Tensor {
  const pool = poolOf("maxPool2d", x, options);
  const { device, gpu } = x;
  const y = gpu.empty(pooledShape(pool));
  const indices = gpu.temporary([maxPoolIndexWords(pool)], "u32");
  maxPoolRun(device, { x, y, indices }, pool);
  return record("maxPool2d", y, [x], {
    temporaries: [indices],
    backward: (dy, gradients) => gradients.into(x, (dx) => maxPoolGrad(device, { dy, indices, dx }, pool)),
  });
}

/** Of the result. @internal */
export const pooledShape = (pool: MaxPoolSize): Shape => [pool.images, ...maxPoolOutput(pool), pool.channels];
