/**
 * ResNet-20 for 32x32 images: nineteen 3x3 convolutions in a first layer and three stages of residual blocks, and a linear layer.
 *
 * Where a block changes the shape, its shortcut is a 1x1 convolution with batch normalization (option B of the paper): as in torchvision and the pretrained CIFAR models
 * for PyTorch. The paper's own CIFAR models pad with zero channels instead (option A), which saves 1 % of the parameters.
 * Names of layers are torchvision's, so that such state dictionaries load by `nn.fromPyTorch` as they are.
 * Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015, section 4.2.
 */
import type { Gpu } from "../../tensor/gpu.ts";
import { add } from "../../tensor/ops/arithmetic.ts";
import { relu } from "../../tensor/ops/relu.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { fanInUniform, heNormal, type Initializer } from "../init.ts";
import { BatchNorm, Conv2d, Linear, Sequential } from "../layers.ts";
import { type ForwardOptions, Module } from "../module.ts";
import { GlobalAvgPool2d } from "../pooling.ts";
import { checkModelOptions, cifarImages, type ImageInput } from "./options.ts";
import { joinRunningStatistics } from "./running-statistics.ts";

/** What `resnet20` takes. */
export interface ResNetOptions {
  /** 100 by default. */
  readonly classes?: number;
  /** Scales the stages' 16, 32 and 64 channels; each must come out as a positive integer, so a multiple of 1/16. 1 by default. */
  readonly width?: number;
  /** Of the initial weights; 0 by default. */
  readonly seed?: number;
}

/**
 * ResNet-20 with `heNormal` convolutions without bias, batch normalization of PyTorch's eps 1e-5, a `fanInUniform` linear layer with bias: 278,324 parameters at
 * width 1 with 100 classes.
 * @throws Error for a width that leaves fractions of channels, or a number of classes that isn't a positive integer
 */
export function resnet20(gpu: Gpu, options: ResNetOptions = {}): ResNet {
  return new ResNet(gpu, options);
}

interface Making {
  readonly gpu: Gpu;
  readonly init: Initializer;
}

/** See `resnet20`. */
export class ResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly pool = new GlobalAvgPool2d();
  readonly fc: Linear;

  /** See `resnet20`. */
  constructor(gpu: Gpu, options: ResNetOptions) {
    super();
    const { classes = 100, width = 1, seed = 0 } = options;
    checkModelOptions("resnet20", width, 16, classes);
    const making = { gpu, init: heNormal({ seed }) };
    const [c1, c2, c3] = [16 * width, 32 * width, 64 * width] as const;
    this.conv1 = convolution(making, 3, c1);
    this.bn1 = normalization(making, c1);
    this.layer1 = stage(making, c1, c1);
    this.layer2 = stage(making, c1, c2, 2);
    this.layer3 = stage(making, c2, c3, 2);
    this.fc = new Linear(gpu, { in: c3, out: classes, init: fanInUniform({ seed }) });
    joinRunningStatistics(gpu, this);
  }

  /** @returns logits `[N, classes]` @throws Error unless the images are `[N, 32, 32, 3]` */
  forward(input: ImageInput, options: ForwardOptions = {}): Tensor {
    const images = cifarImages("resnet20", input);
    const x = this.bn1.forward(this.conv1.forward(images), { ...options, relu: {} });
    const stages = [this.layer1, this.layer2, this.layer3];
    return this.fc.forward(this.pool.forward(stages.reduce((y, part) => part.forward(y, options), x)));
  }
}

/** Three blocks; the first may halve the image. */
function stage(making: Making, inputs: number, channels: number, stride = 1): Sequential {
  return new Sequential(
    new BasicBlock(making, inputs, channels, stride),
    new BasicBlock(making, channels, channels),
    new BasicBlock(making, channels, channels),
  );
}

/** `relu(x + bn2(conv2(relu(bn1(conv1(x))))))`, where x passes `downsample` if its shape has to change. */
class BasicBlock extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm;
  readonly downsample?: Sequential;

  constructor(making: Making, inputs: number, channels: number, stride = 1) {
    super();
    this.conv1 = convolution(making, inputs, channels, { stride });
    this.bn1 = normalization(making, channels);
    this.conv2 = convolution(making, channels, channels);
    this.bn2 = normalization(making, channels);
    if (stride !== 1 || inputs !== channels) {
      const projection = convolution(making, inputs, channels, { stride, size: 1 });
      this.downsample = new Sequential(projection, normalization(making, channels));
    }
  }

  forward(x: Tensor, options: ForwardOptions = {}): Tensor {
    const hidden = this.bn1.forward(this.conv1.forward(x), { ...options, relu: {} });
    const residual = this.bn2.forward(this.conv2.forward(hidden), options);
    return relu(add(residual, this.downsample?.forward(x, options) ?? x));
  }
}

function convolution(
  { gpu, init }: Making,
  inputs: number,
  out: number,
  { stride = 1, size = 3 } = {},
): Conv2d {
  return new Conv2d(gpu, { in: inputs, out, size, stride, padding: (size - 1) / 2, bias: false, init });
}

function normalization({ gpu }: Making, channels: number): BatchNorm {
  return new BatchNorm(gpu, { channels, eps: 1e-5 });
}
