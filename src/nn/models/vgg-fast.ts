/**
 * A small VGG-like network that learns in few epochs: airbench's, wider at its end and with a scale for 100 classes.
 *
 * What makes it fast: its first layer starts finished (whitening, frozen), its convolutions start by passing their input on (dirac), the image shrinks early,
 * and its batch normalization has no gain that a rate would have to fit.
 * Source: Jordan, "94 % on CIFAR-10 in 3.29 seconds on a single GPU", 2024 (airbench94).
 */
import type { Gpu } from "../../tensor/gpu.ts";
import { mul } from "../../tensor/ops/arithmetic.ts";
import { gelu } from "../../tensor/ops/gelu.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { dirac, fanInUniform, type Initializer } from "../init.ts";
import { BatchNorm, Conv2d, Flatten, Linear, MaxPool2d, Sequential } from "../layers.ts";
import { type ForwardOptions, Module } from "../module.ts";
import { checkModelOptions, cifarImages, type ImageInput } from "./options.ts";
import { joinRunningStatistics } from "./running-statistics.ts";

/** What `vggFast` takes. */
export interface VggFastOptions {
  /** 100 by default. */
  readonly classes?: number;
  /** Scales the groups' 64, 256 and 256 channels; each must come out as a positive integer, so a multiple of 1/64. 1 by default. */
  readonly width?: number;
  /** Of the initial weights; 0 by default. */
  readonly seed?: number;
  /**
   * The first layer's weights, `nn.whitening(images, [N, 32, 32, 3])` of normalised training images. Without it they're `fanInUniform` and frozen all the
   * same: for a model that gets its state from `loadStateDict`.
   */
  readonly whitening?: Float32Array | undefined;
}

/** The whitening filters: two for each of the 2 x 2 x 3 values of a patch. */
const whitened = 24;

/**
 * Whitening convolution 2x2 without padding (its weight is frozen, its bias trained), GELU, three groups of convolution 3x3, max-pool 2, batch normalization, GELU,
 * convolution 3x3, batch normalization, GELU; max-pool 3; linear; logits times 1/9.
 *
 * Convolutions in groups and the linear layer have no bias; they start as `dirac({ rest: fanInUniform })` and `fanInUniform`. Batch normalization has eps 1e-12,
 * momentum 0.4 and a gamma frozen at 1. For gradient descent, biases want a far higher rate than weights: see `nn.weightsAndBiases`.
 * @throws Error for a width that leaves fractions of channels, classes that aren't a positive integer, or whitening weights of another length
 */
export function vggFast(gpu: Gpu, options: VggFastOptions = {}): VggFast {
  return new VggFast(gpu, options);
}

/** See `vggFast`. */
export class VggFast extends Module {
  readonly whiten: Conv2d;
  readonly groups: Sequential;
  readonly pool = new MaxPool2d({ size: 3 });
  readonly flatten = new Flatten();
  readonly fc: Linear;

  /** See `vggFast`. */
  constructor(gpu: Gpu, options: VggFastOptions) {
    super();
    const { classes = 100, width = 1, seed = 0, whitening } = options;
    checkModelOptions("vggFast", width, 64, classes);
    const init = fanInUniform({ seed });
    this.whiten = new Conv2d(gpu, { in: 3, out: whitened, size: 2, init: whiteningOr(init, whitening) });
    this.whiten.weight.requiresGrad = false;
    const [c1, c2] = [64 * width, 256 * width];
    this.groups = new Sequential(
      new Group(gpu, whitened, c1, init),
      new Group(gpu, c1, c2, init),
      new Group(gpu, c2, c2, init),
    );
    this.fc = new Linear(gpu, { in: c2, out: classes, bias: false, init });
    joinRunningStatistics(gpu, this);
  }

  /** @returns logits `[N, classes]` @throws Error unless the images are `[N, 32, 32, 3]` */
  forward(input: ImageInput, options: ForwardOptions = {}): Tensor {
    const x = gelu(this.whiten.forward(cifarImages("vggFast", input)));
    const features = this.pool.forward(this.groups.forward(x, options));
    return mul(this.fc.forward(this.flatten.forward(features)), 1 / 9);
  }
}

/** Two convolutions; the image shrinks to half after the first. */
class Group extends Module {
  readonly conv1: Conv2d;
  readonly pool = new MaxPool2d({ size: 2 });
  readonly norm1: BatchNorm;
  readonly conv2: Conv2d;
  readonly norm2: BatchNorm;

  constructor(gpu: Gpu, inputs: number, channels: number, rest: Initializer) {
    super();
    const conv = { out: channels, size: 3, padding: 1, bias: false, init: dirac({ rest }) };
    const norm = { channels, eps: 1e-12, momentum: 0.4, trainGamma: false };
    this.conv1 = new Conv2d(gpu, { ...conv, in: inputs });
    this.norm1 = new BatchNorm(gpu, norm);
    this.conv2 = new Conv2d(gpu, { ...conv, in: channels });
    this.norm2 = new BatchNorm(gpu, norm);
  }

  forward(x: Tensor, options: ForwardOptions = {}): Tensor {
    const then = { ...options, gelu: true };
    const hidden = this.norm1.forward(this.pool.forward(this.conv1.forward(x)), then);
    return this.norm2.forward(this.conv2.forward(hidden), then);
  }
}

/** The given weights; the stream moves on either way, so that the other layers start alike. */
function whiteningOr(init: Initializer, weights: Float32Array | undefined): Initializer {
  return (shape) => {
    const start = init(shape);
    if (weights && weights.length !== start.length) {
      throw new Error(
        `[vggFast] 'whitening' must be the ${start.length} values of [${shape.join(", ")}] from nn.whitening(images, [N, 32, 32, 3]), ` +
          `but got ${weights.length}`,
      );
    }
    return weights?.slice() ?? start;
  };
}
