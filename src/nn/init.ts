/**
 * Initial values of parameters, computed on the host: the same bits on every adapter.
 *
 * An initialiser is a stream: each call takes the next tensor's values from Philox, keyed by the seed, so that layers that
 * share one start differently and a model's weights follow from its seed and the order of its layers.
 *
 * @module
 */
import { philox } from "../kernels/philox.ts";
import { formatShape, type Shape, sizeOf } from "../tensor/shape.ts";

/** Values for a tensor of this shape, row-major. */
export type Initializer = (shape: Shape) => Float32Array<ArrayBuffer>;

/** Where random initial values come from. */
export interface SeedOptions {
  /** An integer from 0 to 2^53 - 1; 0 by default. */
  readonly seed?: number;
}

/** Keeps the counters apart from those of `gpu.rng` streams with the same seed, whose second word is 0. */
const domain = 0x696e6974;

/** All zeros. */
export function zeros(): Initializer {
  return (shape) => new Float32Array(sizeOf(shape));
}

/** All ones. */
export function ones(): Initializer {
  return (shape) => new Float32Array(sizeOf(shape)).fill(1);
}

/** Uniform in [low, high), [0, 1) by default. */
export function uniform(
  options: SeedOptions & { readonly low?: number; readonly high?: number } = {},
): Initializer {
  const { seed = 0, low = 0, high = 1 } = options;
  return randomValues("uniform", seed, () => uniformIn(low, high));
}

/** Normal with this mean and standard deviation, 0 and 1 by default (Box and Muller, 1958). */
export function normal(
  options: SeedOptions & { readonly mean?: number; readonly std?: number } = {},
): Initializer {
  const { seed = 0, mean = 0, std = 1 } = options;
  return randomValues("normal", seed, () => boxMuller(mean, std));
}

/**
 * LeCun's normal initialisation, mean 0 and standard deviation `sqrt(1 / fanIn)`: outputs keep the variance of the inputs.
 * `fanIn` is the product of all axes but the first, so Kh Kw Ci of `[Co, Kh, Kw, Ci]` and the inputs of `[out, in]`.
 * Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998; Chainer's default.
 * @throws Error, when called, for a shape of fewer than two axes
 */
export function leCunNormal(options: SeedOptions = {}): Initializer {
  return randomValues("leCunNormal", options.seed ?? 0, (shape) =>
    boxMuller(0, Math.sqrt(1 / fanIn("leCunNormal", shape))),
  );
}

/**
 * He's normal initialisation, mean 0 and standard deviation `sqrt(2 / fanIn)`: keeps the variance through ReLU, which drops half of it.
 * Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015; `torch.nn.init.kaiming_normal_`.
 * @throws Error, when called, for a shape of fewer than two axes
 */
export function heNormal(options: SeedOptions = {}): Initializer {
  return randomValues("heNormal", options.seed ?? 0, (shape) =>
    boxMuller(0, Math.sqrt(2 / fanIn("heNormal", shape))),
  );
}

/**
 * Uniform within `+-1 / sqrt(fanIn)`, with `fanIn` as `leCunNormal` has it: a third of the variance that LeCun's keeps.
 * Source: what PyTorch's `Conv2d` and `Linear` start their weights with, `kaiming_uniform_` with `a = sqrt(5)`.
 * @throws Error, when called, for a shape of fewer than two axes
 */
export function fanInUniform(options: SeedOptions = {}): Initializer {
  return randomValues("fanInUniform", options.seed ?? 0, (shape) => {
    const bound = 1 / Math.sqrt(fanIn("fanInUniform", shape));
    return uniformIn(-bound, bound);
  });
}

/** What `dirac` takes. */
export interface DiracOptions {
  /** Of the filters that pass no channel through: all zeros by default, as in PyTorch. */
  readonly rest?: Initializer;
}

/**
 * The identity, for convolutions: filter i passes input channel i through. It's 1 at the middle tap of its own channel, 0 elsewhere;
 * the middle is tap `floor(K / 2)`, so the lower right one of the middle four in a window of even extents. The filters beyond the
 * input's channels are `rest`, which is asked for the whole tensor, so its stream moves on alike whatever the channels are.
 * Source: Zagoruyko and Komodakis, "DiracNets", 2017; `torch.nn.init.dirac_`.
 * @throws Error, when called, for a shape that isn't `[Co, Kh, Kw, Ci]`
 */
export function dirac({ rest = zeros() }: DiracOptions = {}): Initializer {
  return (shape) => {
    const [filters = 0, height = 0, width = 0, channels = 0] = shape;
    if (shape.length !== 4)
      throw new Error(`[dirac] 'shape' must be [Co, Kh, Kw, Ci], but got ${formatShape(shape)}`);
    const values = rest(shape);
    const filter = height * width * channels;
    const middle = ((height >> 1) * width + (width >> 1)) * channels;
    for (let k = 0; k < Math.min(filters, channels); k++) {
      values.fill(0, k * filter, (k + 1) * filter);
      values[k * filter + middle + k] = 1;
    }
    return values;
  };
}

/** What one output sums up: the product of all axes but the first. */
function fanIn(name: string, shape: Shape): number {
  if (shape.length < 2) {
    throw new Error(
      `[${name}] 'shape' must have two axes or more, [out, ..., in], but got ${formatShape(shape)}`,
    );
  }
  return sizeOf(shape.slice(1));
}

/** Makes the four values from `out[at]` on. */
type FromWords = (words: Words, out: Float32Array, at: number) => void;
type Words = ReturnType<typeof philox>;

function randomValues(name: string, seed: number, distribution: (shape: Shape) => FromWords): Initializer {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new Error(`[${name}] 'seed' must be an integer from 0 to 2^53 - 1, but got ${seed}`);
  }
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32)] as const;
  let tensor = 0;
  return (shape) => {
    const fromWords = distribution(shape);
    const size = sizeOf(shape);
    const values = new Float32Array(Math.ceil(size / 4) * 4);
    for (let quad = 0; 4 * quad < size; quad++) {
      fromWords(philox([quad, domain, tensor, 0], key), values, 4 * quad);
    }
    tensor += 1;
    return values.slice(0, size);
  };
}

function uniformIn(low: number, high: number): FromWords {
  return (words, out, at) => {
    words.forEach((word, k) => {
      out[at + k] = low + (high - low) * (word / 2 ** 32);
    });
  };
}

function boxMuller(mean: number, std: number): FromWords {
  return ([a, b, c, d], out, at) => {
    // 1 - u lies in (0, 1], so the logarithm is finite.
    const first = std * Math.sqrt(-2 * Math.log(1 - a / 2 ** 32));
    const second = std * Math.sqrt(-2 * Math.log(1 - c / 2 ** 32));
    const angle = (2 * Math.PI * b) / 2 ** 32;
    const other = (2 * Math.PI * d) / 2 ** 32;
    out[at] = mean + first * Math.cos(angle);
    out[at + 1] = mean + first * Math.sin(angle);
    out[at + 2] = mean + second * Math.cos(other);
    out[at + 3] = mean + second * Math.sin(other);
  };
}
