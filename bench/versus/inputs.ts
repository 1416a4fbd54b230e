/** What the works are given: the same values at every call. */
import { noise } from "../../src/kernels/cases.ts";
import type { Work } from "./work.ts";

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

export type Inputs = Readonly<Record<string, Values>>;

/** @throws Error if there is no such input */
export function valuesOf(inputs: Inputs, name: string): Values {
  const found = inputs[name];
  if (!found) throw new Error(`the work has no input '${name}'`);
  return found;
}

/** More than epsilon, which isn't in the deviation here, and roundings move a value. */
const nearTheKink = 1e-3;

/**
 * Images with which roundings switch few ReLUs and maxima of pools, each of which moves the second loss: direct kernels and Winograd's are 7e-5 apart there at width 1
 * (batch 32) and 7e-7 at 0.25 (64), with the seeds from 1000 to 1008 up to 2.7e-3.
 */
const vggImages = 1002;

/** In the order in which peers and `prepareOurs` take them. Parameters of VGG are named `parameter 0`, `parameter 1`, ... */
export function inputsOf(work: Work): Record<string, Values> {
  switch (work.kind) {
    case "gemm": {
      const shape = [work.size, work.size];
      return { a: random(shape, 1), b: random(shape, 2) };
    }
    case "conv2d": {
      const { batch, extent, ci, co, window, padding } = work;
      const out = extent + 2 * padding - window + 1;
      return {
        x: random([batch, extent, extent, ci], 1),
        weight: random([co, window, window, ci], 2),
        dy: random([batch, out, out, co], 3),
      };
    }
    case "batch-norm":
      return normalisation(work);
    case "batch-norm-relu":
      return awayFromTheKink(normalisation(work));
    case "max-pool": {
      const { batch, extent, channels } = work;
      return {
        x: random([batch, extent, extent, channels], 1),
        dy: random([batch, extent / 2, extent / 2, channels], 2),
      };
    }
    case "cross-entropy": {
      const { shape, data } = random([work.rows, work.classes], 1);
      return {
        logits: { shape, data: data.map((value) => 4 * value) },
        labels: labels(work.rows, work.classes),
      };
    }
    case "sgd": {
      const shapes = parameterShapes(work.width);
      const gradients = shapes.map((shape, k) => [`gradient ${k}`, random(shape, 500 + k)]);
      return { ...parameters(work.width), ...Object.fromEntries(gradients) };
    }
    case "vgg-step":
      return {
        images: random([work.batch, 32, 32, 3], vggImages),
        labels: labels(work.batch, 100),
        ...parameters(work.width),
      };
  }
}

function labels(rows: number, classes: number): Values {
  return { shape: [rows], data: Float32Array.from({ length: rows }, (_, row) => (11 * row) % classes) };
}

function parameters(width: number): Record<string, Values> {
  return Object.fromEntries(parameterShapes(width).map((shape, k) => [`parameter ${k}`, initial(shape, k)]));
}

interface Normalisation {
  readonly [name: string]: Values;
  readonly x: Values;
  readonly gamma: Values;
  readonly beta: Values;
  readonly dy: Values;
}

function normalisation(size: { batch: number; extent: number; channels: number }): Normalisation {
  const { batch, extent, channels } = size;
  const images = [batch, extent, extent, channels];
  const gamma = random([channels], 2);
  return {
    x: random(images, 1),
    gamma: { ...gamma, data: gamma.data.map((value) => 1 + value / 10) },
    beta: random([channels], 3),
    dy: random(images, 4),
  };
}

/** Sets gradients to zero where rounding decides whether ReLU is open: one that differs is 1e-3 of all gradients of an image batch. */
function awayFromTheKink(inputs: Normalisation): Normalisation {
  const { x, gamma, beta, dy } = inputs;
  const channels = gamma.data.length;
  const rows = x.data.length / channels;
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  x.data.forEach((value, k) => {
    sums[k % channels]! += value;
    squares[k % channels]! += value ** 2;
  });
  const data = dy.data.map((gradient, k) => {
    const channel = k % channels;
    const mean = sums[channel]! / rows;
    const deviation = Math.sqrt(squares[channel]! / rows - mean ** 2);
    const y = ((x.data[k]! - mean) / deviation) * gamma.data[channel]! + beta.data[channel]!;
    return Math.abs(y) < nearTheKink ? 0 : gradient;
  });
  return { ...inputs, dy: { ...dy, data } };
}

/** Of VGG's parameters in order: weight, gamma, beta of each convolution and of the first linear layer, the last weight. */
function parameterShapes(width: number): number[][] {
  const channels = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512].map(
    (count) => count * width,
  );
  const top = 512 * width;
  const blocks = channels.flatMap((out, k) => [[out, 3, 3, channels[k - 1] ?? 3], [out], [out]]);
  return [...blocks, [top, top], [top], [top], [100, top]];
}

/** Weights uniform with a variance of 1 / fan in; gamma near 1, beta near 0. */
function initial(shape: readonly number[], index: number): Values {
  const { data } = random(shape, index + 1);
  const fanIn = shape.slice(1).reduce((a, b) => a * b, 1);
  const isGamma = shape.length === 1 && index % 3 === 1;
  const spread = shape.length > 1 ? Math.sqrt(3 / fanIn) : 0.1;
  return { shape, data: data.map((value) => (isGamma ? 1 : 0) + value * spread) };
}

function random(shape: readonly number[], seed: number): Values {
  return {
    shape,
    data: noise(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  };
}
