/** The layers: parameters and settings around the ops of the same names. Formulas and shapes stand with the ops. */
import type { Gpu } from "../tensor/gpu.ts";
import { kindOf, requireOptions } from "../tensor/kind.ts";
import { add } from "../tensor/ops/arithmetic.ts";
import { batchNorm } from "../tensor/ops/batch-norm.ts";
import { batchNormGelu } from "../tensor/ops/batch-norm-gelu.ts";
import { batchNormReluDropout } from "../tensor/ops/batch-norm-relu-dropout.ts";
import { conv2d } from "../tensor/ops/conv2d.ts";
import { dropout } from "../tensor/ops/dropout.ts";
import { gelu } from "../tensor/ops/gelu.ts";
import { matmul } from "../tensor/ops/matmul.ts";
import { type MaxPool2dOptions, maxPool2d } from "../tensor/ops/max-pool2d.ts";
import { relu } from "../tensor/ops/relu.ts";
import { reshape } from "../tensor/ops/reshape.ts";
import { type Extents, pairOf } from "../tensor/ops/windows.ts";
import type { Rng } from "../tensor/rng.ts";
import { formatShape, type Shape, sizeOf } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Initializer, leCunNormal } from "./init.ts";
import { buffer, type ForwardOptions, Module, parameter } from "./module.ts";

/** A module of one tensor in, one tensor out: what `Sequential` chains. */
export interface Layer extends Module {
  forward(x: Tensor, options?: ForwardOptions): Tensor;
}

/** Layers one after the other. Their names are their indices: `features.0.weight`. */
export class Sequential extends Module {
  readonly layers: readonly Layer[];

  constructor(...layers: readonly Layer[]) {
    super();
    layers.forEach((layer, k) => {
      if (typeof layer?.forward !== "function")
        throw new Error(
          `[Sequential] layer ${k} must be a module such as new nn.ReLU(), but got ${kindOf(layer)}`,
        );
    });
    this.layers = layers;
  }

  forward(x: Tensor, options: ForwardOptions = {}): Tensor {
    return this.layers.reduce((input, layer) => layer.forward(input, options), x);
  }

  override members(): Iterable<readonly [string, unknown]> {
    return Object.entries(this.layers);
  }
}

/** What `new Conv2d` takes. */
export interface Conv2dLayerOptions {
  /** Input channels. */
  readonly in: number;
  /** Output channels. */
  readonly out: number;
  /** Extent of the window, or `[height, width]`. */
  readonly size: Extents;
  readonly stride?: Extents;
  readonly padding?: Extents;
  readonly dilation?: Extents;
  /** Of the channels; both counts are multiples of it. 1 by default, `in` for a depthwise convolution. */
  readonly groups?: number;
  /** Whether a bias is added; true by default. */
  readonly bias?: boolean;
  /** Of the weight; by default `leCunNormal` from the GPU's own stream. The bias starts at 0. */
  readonly init?: Initializer;
}

/** `conv2d` with `weight` `[out, Kh, Kw, in / groups]` and, unless `bias: false`, `bias` `[out]`. */
export class Conv2d extends Module {
  readonly weight: Tensor;
  readonly bias?: Tensor;
  readonly stride: Extents;
  readonly padding: Extents;
  readonly dilation: Extents;
  readonly groups: number;

  constructor(gpu: Gpu, options: Conv2dLayerOptions) {
    super();
    const {
      in: inputs,
      out,
      size,
      stride = 1,
      padding = 0,
      dilation = 1,
      groups = 1,
      bias = true,
      init,
    } = options;
    const [height, width] = pairOf("Conv2d", "size", size);
    checkCounts("Conv2d", { in: inputs, out, groups });
    const depth = inputs / groups;
    checkCounts("Conv2d", { "in / groups": depth, "out / groups": out / groups });
    this.weight = weightOf(gpu, [out, height, width, depth], init);
    if (bias) this.bias = parameter(gpu.zeros([out], { name: "bias" }));
    this.stride = stride;
    this.padding = padding;
    this.dilation = dilation;
    this.groups = groups;
  }

  forward(x: Tensor): Tensor {
    const { bias, stride, padding, dilation, groups } = this;
    return conv2d(x, this.weight, { bias, stride, padding, dilation, groups });
  }

  override flops(output: Tensor): number {
    const { shape, size } = this.weight;
    return (2 * output.size * size) / (shape[0] ?? 1);
  }
}

/** What `new Linear` takes. */
export interface LinearOptions {
  /** Features of the input. */
  readonly in: number;
  /** Features of the output. */
  readonly out: number;
  /** Whether a bias is added; true by default. */
  readonly bias?: boolean;
  /** Of the weight; by default `leCunNormal` from the GPU's own stream. The bias starts at 0. */
  readonly init?: Initializer;
}

/** `y = x weight^T + bias`, from `[N, in]` to `[N, out]`, with `weight` `[out, in]` and, unless `bias: false`, `bias` `[out]`. */
export class Linear extends Module {
  readonly weight: Tensor;
  readonly bias?: Tensor;

  constructor(gpu: Gpu, options: LinearOptions) {
    super();
    const { in: inputs, out, bias = true, init } = options;
    checkCounts("Linear", { in: inputs, out });
    this.weight = weightOf(gpu, [out, inputs], init);
    if (bias) this.bias = parameter(gpu.zeros([out], { name: "bias" }));
  }

  forward(x: Tensor): Tensor {
    const y = matmul(x, this.weight, { transposeB: true });
    return this.bias ? add(y, this.bias) : y;
  }

  override flops(output: Tensor): number {
    return 2 * output.size * (this.weight.shape[1] ?? 1);
  }
}

/** What `new BatchNorm` takes. */
export interface BatchNormLayerOptions {
  /** Extent of the last axis. */
  readonly channels: number;
  /** The batch's share of the new running statistics, 0.1 by default. */
  readonly momentum?: number;
  /** Added to the variance, 2e-5 by default as in Chainer. */
  readonly eps?: number;
  /** Whether gamma is trained; true by default. `false` leaves it frozen at 1, in the state dict all the same. */
  readonly trainGamma?: boolean;
}

/** What `BatchNorm.forward` takes. */
export interface BatchNormForwardOptions extends ForwardOptions {
  /** Apply ReLU to the result, and then these layers, those that there are: `batchNormReluDropout`, cheaper than layers of their own. */
  readonly relu?: { readonly dropout?: Dropout | undefined; readonly pool?: MaxPool2d | undefined };
  /** Apply GELU to the result: `batchNormGelu`, cheaper than a layer of its own. Not together with `relu`. */
  readonly gelu?: boolean;
}

/**
 * `batchNorm` over the last axis of `[M, C]` or `[N, H, W, C]`, with parameters `gamma` (1 at first) and `beta` (0), and buffers
 * `runningMean` (0) and `runningVar` (1).
 */
export class BatchNorm extends Module {
  readonly gamma: Tensor;
  readonly beta: Tensor;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
  readonly momentum: number;
  readonly eps: number;

  constructor(gpu: Gpu, options: BatchNormLayerOptions) {
    super();
    const { channels, momentum = 0.1, eps = 2e-5, trainGamma = true } = options;
    checkCounts("BatchNorm", { channels });
    this.gamma = parameter(gpu.full([channels], 1, { name: "gamma" }));
    this.gamma.requiresGrad = trainGamma;
    this.beta = parameter(gpu.zeros([channels], { name: "beta" }));
    this.runningMean = buffer(gpu.zeros([channels], { name: "runningMean" }));
    this.runningVar = buffer(gpu.full([channels], 1, { name: "runningVar" }));
    this.momentum = momentum;
    this.eps = eps;
  }

  forward(x: Tensor, options: BatchNormForwardOptions = {}): Tensor {
    requireOptions("BatchNorm", options);
    const { training = false, relu: then, gelu: thenGelu = false } = options;
    const { gamma, beta, runningMean, runningVar, momentum, eps } = this;
    const statistics = { runningMean, runningVar, training, momentum, eps };
    if (then && thenGelu) throw new Error("[BatchNorm] takes one of 'relu' and 'gelu', but got both");
    if (thenGelu) return batchNormGelu(x, gamma, beta, statistics);
    if (!then) return batchNorm(x, gamma, beta, statistics);
    const { rate = 0, rng } = then.dropout ?? {};
    const pool = then.pool?.options;
    return batchNormReluDropout(x, gamma, beta, { ...statistics, rate, rng, pool });
  }
}

/** `max(x, 0)`. */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** `x Φ(x)`, the exact GELU. */
export class GELU extends Module {
  forward(x: Tensor): Tensor {
    return gelu(x);
  }
}

/** What `new Dropout` takes. */
export interface DropoutLayerOptions {
  /** The probability that an element is dropped, 0 <= rate < 1. */
  readonly rate: number;
  /** `gpu.rng(seed)`. Give all layers of a model the same stream: two streams of one seed drop the same elements. */
  readonly rng: Rng;
}

/** `dropout` in training, nothing in evaluation. */
export class Dropout extends Module {
  readonly rate: number;
  readonly rng: Rng;

  constructor({ rate, rng }: DropoutLayerOptions) {
    super();
    this.rate = rate;
    this.rng = rng;
  }

  forward(x: Tensor, options: ForwardOptions = {}): Tensor {
    requireOptions("Dropout", options);
    const { training = false } = options;
    return dropout(x, { rate: this.rate, rng: this.rng, training });
  }
}

/** The largest element of each window. */
export class MaxPool2d extends Module {
  readonly options: MaxPool2dOptions;

  constructor(options: MaxPool2dOptions) {
    super();
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.options);
  }
}

/** From `[N, ...]` to `[N, the product of the rest]`. */
export class Flatten extends Module {
  forward(x: Tensor): Tensor {
    const [images = 1] = x.shape;
    return reshape(x, [images, x.size / images]);
  }
}

const defaultInits = new WeakMap<Gpu, Initializer>();

function weightOf(gpu: Gpu, shape: Shape, init?: Initializer): Tensor {
  let initialize = init ?? defaultInits.get(gpu);
  if (!initialize) {
    initialize = leCunNormal();
    defaultInits.set(gpu, initialize);
  }
  gpu.device.requireSpace(4 * sizeOf(shape), `weight ${formatShape(shape)}`); // before the host's memory is filled
  return parameter(gpu.tensor(initialize(shape), shape, { name: "weight" }));
}

function checkCounts(layer: string, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) {
    if (Number.isSafeInteger(count) && count > 0) continue;
    throw new Error(`[${layer}] '${name}' must be a positive integer, but got ${count}`);
  }
}
