/**
 * VGG for 32x32 images, as Chainer's `examples/cifar` has it: thirteen 3x3 convolutions in five stages, batch normalization
 * and ReLU after each, dropout between them, a max-pool after each stage, two fully connected layers.
 */
import type { Gpu } from "../../tensor/gpu.ts";
import type { Rng } from "../../tensor/rng.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Initializer, leCunNormal } from "../init.ts";
import { BatchNorm, Conv2d, Dropout, Flatten, Linear, MaxPool2d, Sequential } from "../layers.ts";
import { type ForwardOptions, Module } from "../module.ts";
import { checkModelOptions, cifarImages, type ImageInput } from "./options.ts";
import { joinRunningStatistics } from "./running-statistics.ts";

/** What `vgg` takes. */
export interface VggOptions {
  /** 100 by default. */
  readonly classes?: number;
  /** Scales every channel count, the head's 512 too; each must come out as a positive integer, so a multiple of 1/64. 1 by default. */
  readonly width?: number;
  /** Whether the model has its dropout layers; true by default. */
  readonly dropout?: boolean;
  /** Of the initial weights and of the dropout stream; 0 by default. */
  readonly seed?: number;
}

/**
 * VGG with `LeCunNormal` weights, batch normalization of eps 2e-5, no biases: 15,033,280 parameters at width 1 with 100 classes.
 * @throws Error for a width that leaves fractions of channels, or a number of classes that isn't a positive integer
 */
export function vgg(gpu: Gpu, options: VggOptions = {}): Vgg {
  return new Vgg(gpu, options);
}

interface Making {
  readonly gpu: Gpu;
  readonly init: Initializer;
  readonly rng: Rng;
  /** Whether there are dropout layers at all. */
  readonly dropout: boolean;
}

/** See `vgg`. */
export class Vgg extends Module {
  readonly rng: Rng;
  readonly stage1: Sequential;
  readonly stage2: Sequential;
  readonly stage3: Sequential;
  readonly stage4: Sequential;
  readonly stage5: Sequential;
  readonly head: Head;

  /** See `vgg`. */
  constructor(gpu: Gpu, options: VggOptions) {
    super();
    const { classes = 100, width = 1, dropout = true, seed = 0 } = options;
    checkModelOptions("vgg", width, 64, classes);
    const making = { gpu, dropout, init: leCunNormal({ seed }), rng: gpu.rng(seed) };
    const [c1, c2, c3, c4] = [64 * width, 128 * width, 256 * width, 512 * width] as const;
    this.rng = making.rng;
    this.stage1 = stage(making, [3, c1, c1], [0.3]);
    this.stage2 = stage(making, [c1, c2, c2], [0.4]);
    this.stage3 = stage(making, [c2, c3, c3, c3], [0.4, 0.4]);
    this.stage4 = stage(making, [c3, c4, c4, c4], [0.4, 0.4]);
    this.stage5 = stage(making, [c4, c4, c4, c4], [0.4, 0.4]);
    this.head = new Head(making, c4, classes);
    joinRunningStatistics(gpu, this);
  }

  /** @returns logits `[N, classes]` @throws Error unless the images are `[N, 32, 32, 3]` */
  forward(input: ImageInput, options: ForwardOptions = {}): Tensor {
    const images = cifarImages("vgg", input);
    const stages = [this.stage1, this.stage2, this.stage3, this.stage4, this.stage5];
    const features = stages.reduce((x, part) => part.forward(x, options), images);
    return this.head.forward(features, options);
  }
}

/** Blocks from channel count to channel count, dropout after the first ones, a max-pool after the last. */
function stage(making: Making, channels: readonly number[], rates: readonly number[]): Sequential {
  const blocks = channels.slice(1).map((out, k) => new Block(making, channels[k] ?? out, out, rates[k]));
  return new Sequential(...blocks);
}

/** Convolution, batch normalization, ReLU, and dropout if there is a rate for it, or else a max-pool. */
class Block extends Module {
  readonly conv: Conv2d;
  readonly norm: BatchNorm;
  readonly dropout?: Dropout;
  readonly pool?: MaxPool2d;

  constructor({ gpu, init, rng, dropout }: Making, inputs: number, out: number, rate?: number) {
    super();
    this.conv = new Conv2d(gpu, { in: inputs, out, size: 3, padding: 1, bias: false, init });
    this.norm = new BatchNorm(gpu, { channels: out });
    if (rate === undefined) this.pool = new MaxPool2d({ size: 2 });
    else if (dropout) this.dropout = new Dropout({ rate, rng });
  }

  forward(x: Tensor, options: ForwardOptions = {}): Tensor {
    const { conv, norm, dropout, pool } = this;
    return norm.forward(conv.forward(x), { ...options, relu: { dropout, pool } });
  }
}

class Head extends Module {
  readonly flatten = new Flatten();
  readonly fc1: Linear;
  readonly norm: BatchNorm;
  readonly fc2: Linear;
  readonly dropout?: Dropout;

  constructor({ gpu, init, rng, dropout }: Making, channels: number, classes: number) {
    super();
    this.fc1 = new Linear(gpu, { in: channels, out: channels, bias: false, init });
    this.norm = new BatchNorm(gpu, { channels });
    this.fc2 = new Linear(gpu, { in: channels, out: classes, bias: false, init });
    if (dropout) this.dropout = new Dropout({ rate: 0.5, rng });
  }

  forward(x: Tensor, options: ForwardOptions = {}): Tensor {
    const features = this.flatten.forward(x);
    const hidden = this.fc1.forward(this.dropout?.forward(features, options) ?? features);
    return this.fc2.forward(this.norm.forward(hidden, { ...options, relu: { dropout: this.dropout } }));
  }
}
