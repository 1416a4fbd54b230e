/**
 * Initial values of parameters, computed on the host: the same bits on every adapter.
 *
 * An initialiser is a stream: each call takes the next tensor's values from Philox, keyed by the seed, so that layers that
 * share one start differently and a model's weights follow from its seed and the order of its layers.
 */
import { philox } from "../kernels/philox.ts";
import { formatShape, type Shape, sizeOf } from "../tensor/shape.ts";

/** Values for a tensor of this shape, row-major. */
export type Initializer = (shape: Shape) => Float32Array<ArrayBuffer>;

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
  return randomValues("uniform", seed, () => (words, out, at) => {
    words.forEach((word, k) => {
      out[at + k] = low + (high - low) * (word / 2 ** 32);
    });
  });
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
  return randomValues("leCunNormal", options.seed ?? 0, (shape) => {
    if (shape.length < 2) {
      throw new Error(
        `[leCunNormal] 'shape' must have two axes or more, [out, ..., in], but got ${formatShape(shape)}`,
      );
    }
    return boxMuller(0, Math.sqrt(1 / sizeOf(shape.slice(1))));
  });
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
