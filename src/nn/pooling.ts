/** The average-pooling layers. Formulas and shapes stand with the ops. */
import {
  type AvgPool2dOptions,
  adaptiveAvgPool2d,
  avgPool2d,
  globalAvgPool2d,
} from "../tensor/ops/average-pool2d.ts";
import type { Extents } from "../tensor/ops/windows.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/** The mean of each window: `avgPool2d`. */
export class AvgPool2d extends Module {
  readonly options: AvgPool2dOptions;

  constructor(options: AvgPool2dOptions) {
    super();
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.options);
  }
}

/** The means of as many windows as are wanted, whatever the image's size: `adaptiveAvgPool2d`. */
export class AdaptiveAvgPool2d extends Module {
  readonly extents: Extents;

  constructor(extents: Extents) {
    super();
    this.extents = extents;
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.extents);
  }
}

/** The mean over all pixels, from `[N, H, W, C]` to `[N, C]`: `globalAvgPool2d`. */
export class GlobalAvgPool2d extends Module {
  forward(x: Tensor): Tensor {
    return globalAvgPool2d(x);
  }
}
