/** Each op with what it's called on: rows for tests that hold for all ops. */
import * as wgrad from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { maxPoolGradReference } from "../../src/kernels/max-pool.reference.ts";
import { gpu } from "./gpu.ts";

const { binaryCrossEntropyWithLogits, meanSquaredError } = wgrad;
const {
  adaptiveAvgPool2d,
  add,
  argmax,
  avgPool2d,
  batchNorm,
  batchNormGelu,
  batchNormReluDropout,
  concat,
  conv2d,
  countCorrect,
  div,
  dropout,
  exp,
  flatten,
  globalAvgPool2d,
  gelu,
  log,
  matmul,
  max,
  maxPool2d,
} = wgrad;
const { mean, mul, neg, pad, pow, relu, reshape, slice, softmaxCrossEntropy, sqrt, sub, sum, transpose } =
  wgrad;
const { clamp, leakyRelu, logSoftmax, maximum, sigmoid, silu, softmax, tanh, where } = wgrad;
type Tensor = wgrad.Tensor;
export type Values = Float32Array<ArrayBuffer>;

export interface Subject {
  /** The op named by the row's first word, on state of its own. */
  readonly op: (x: Tensor) => Tensor;
  /** What else gets a gradient, or is overwritten. */
  readonly others?: readonly Tensor[];
  /** From the output; the sum of its squares by default. */
  readonly loss?: (y: Tensor) => Tensor;
  /** The gradient of x, where it can be said exactly. */
  readonly gradient?: (x: Values) => ArrayLike<number>;
}

/** An op on an input of this shape. The name starts with the op's. */
export type Row = readonly [name: string, shape: readonly number[], make: () => Subject];

const size = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);
const leaf = (shape: readonly number[], seed: number) =>
  gpu.tensor(noise(size(shape), seed), shape, { requiresGrad: true });
const rowOf = (x: Tensor) => mean(x, { axes: [0, 1] });
const simple = (name: string, op: (x: Tensor) => Tensor): Row => [name, [3, 5, 7], () => ({ op })];

const convolution = (
  n: number,
  extent: number,
  ci: number,
  co: number,
  options: wgrad.Conv2dOptions = {},
): Row => {
  const shape = [n, extent, extent, ci];
  return [
    `conv2d ${shape} to ${co} channels ${JSON.stringify(options)}`,
    shape,
    () => {
      const [weight, bias] = [leaf([co, 3, 3, ci / (options.groups ?? 1)], 1), leaf([co], 2)];
      return { op: (x) => conv2d(x, weight, { bias, ...options }), others: [weight, bias] };
    },
  ];
};

const pooling = (channels: number): Row => [
  `maxPool2d of ${channels} channels`,
  [2, 4, 4, channels],
  () => ({
    op: (x) => maxPool2d(x, { size: 3, stride: 3 }),
    loss: sum,
    gradient: (x) => {
      const pool = {
        images: 2,
        height: 4,
        width: 4,
        channels,
        size: [3, 3],
        stride: [3, 3],
        padding: [0, 0],
      } as const;
      return maxPoolGradReference(x, new Float32Array(2 * channels).fill(1), pool);
    },
  }),
];

const pooled = (name: string, channels: number, op: (x: Tensor) => Tensor): Row => [
  `${name} of ${channels} channels`,
  [2, 5, 4, channels],
  () => ({ op }),
];

const normalization = (shape: readonly number[], training: boolean, then?: "gelu"): Row => [
  `${then ? "batchNormGelu" : "batchNorm"} ${shape} ${training ? "in training" : "in evaluation"}`,
  shape,
  () => {
    const channels = [shape.at(-1) ?? 1];
    const [gamma, beta] = [leaf(channels, 1), leaf(channels, 2)];
    const [runningMean, runningVar] = [gpu.zeros(channels), gpu.full(channels, 1)];
    return {
      op: (x) => (then ? batchNormGelu : batchNorm)(x, gamma, beta, { runningMean, runningVar, training }),
      others: [gamma, beta, runningMean, runningVar],
    };
  },
];

const normalizationReluDropout = (shape: readonly number[], rate: number): Row => [
  `batchNormReluDropout ${shape} at rate ${rate}`,
  shape,
  () => {
    const channels = [shape.at(-1) ?? 1];
    const [gamma, beta] = [leaf(channels, 1), leaf(channels, 2)];
    const [runningMean, runningVar] = [gpu.zeros(channels), gpu.full(channels, 1)];
    const options = { runningMean, runningVar, training: true, rate, rng: gpu.rng(5) };
    return {
      op: (x) => batchNormReluDropout(x, gamma, beta, options),
      others: [gamma, beta, runningMean, runningVar],
    };
  },
];

const product = (m: number, n: number, k: number, options: wgrad.MatmulOptions): Row => [
  `matmul [${m}, ${n}, ${k}] ${JSON.stringify(options)}`,
  options.transposeA ? [k, m] : [m, k],
  () => {
    const b = leaf(options.transposeB ? [n, k] : [k, n], 1);
    return { op: (x) => matmul(x, b, options), others: [b] };
  },
];

const channelCounts = [1, 2, 3, 4, 5, 6, 7, 8];
const firstColumns = gpu.tensor([1, 1, 0, 0, 0, 0, 0]).keep();
const labels = gpu.tensor(Int32Array.of(4, 0, 2)).keep();

/** Every op that `wgrad` exports: a test holds that. */
export const opRows: readonly Row[] = [
  simple("add", (x) => add(x, rowOf(x))),
  simple("sub", (x) => sub(rowOf(x), x)),
  simple("mul", (x) => mul(x, rowOf(x))),
  simple("div", (x) => div(rowOf(x), x)),
  simple("neg", neg),
  simple("exp", (x) => exp(neg(log(x)))),
  simple("log", log),
  simple("sqrt", sqrt),
  simple("pow", (x) => pow(x, -2)),
  simple("relu", (x) => relu(sub(x, rowOf(x)))),
  simple("gelu", (x) => gelu(sub(x, rowOf(x)))),
  simple("leakyRelu", (x) => leakyRelu(sub(x, rowOf(x)))),
  simple("sigmoid", (x) => sigmoid(sub(x, rowOf(x)))),
  simple("silu", (x) => silu(sub(x, rowOf(x)))),
  simple("tanh", (x) => tanh(sub(x, rowOf(x)))),
  simple("clamp", (x) => clamp(x, { min: 10, max: 90 })),
  simple("softmax", softmax),
  simple("logSoftmax", logSoftmax),
  simple("maximum", (x) => maximum(x, rowOf(x))),
  ["where", [3, 5, 7], () => ({ op: (x) => where(firstColumns, x, rowOf(x)) })],
  simple("sum", (x) => sum(x, { axes: [0, 2] })),
  simple("mean", (x) => mean(x, { axes: 2 })),
  simple("max", (x) => max(x, { axes: 1 })),
  simple("argmax", (x) => argmax(x, { axis: 1 })),
  simple("slice", (x) => slice(x, [1, 0, 2], [3, 4])),
  simple("concat", (x) => concat([x, mul(x, 2)], { axis: 1 })),
  simple("pad", (x) =>
    pad(x, [
      [1, 0],
      [2, 1],
    ]),
  ),
  simple("reshape", (x) => reshape(x, [7, 15])),
  simple("flatten", (x) => flatten(x)),
  simple("transpose", (x) => transpose(x, [2, 0, 1])),
  [
    "dropout",
    [3, 5, 7],
    () => {
      const rng = gpu.rng(5);
      return { op: (x) => dropout(x, { rate: 0.4, training: true, rng }) };
    },
  ],
  ["softmaxCrossEntropy", [3, 5], () => ({ op: (x) => softmaxCrossEntropy(x, labels), loss: sum })],
  [
    "softmaxCrossEntropy with a label that's ignored",
    [3, 5],
    () => ({ op: (x) => softmaxCrossEntropy(x, labels, { ignoreIndex: 0 }), loss: sum }),
  ],
  ...Object.entries({ meanSquaredError, binaryCrossEntropyWithLogits }).map(
    ([name, op]): Row => [
      name,
      [3, 5],
      () => {
        const y = leaf([3, 5], 1);
        return { op: (x) => op(x, y), others: [y], loss: sum };
      },
    ],
  ),
  // It has no gradient: the loss is another one.
  ["countCorrect", [3, 5], () => ({ op: (x) => countCorrect(x, labels) })],
  ...[true, false].flatMap((transposeA) => [
    product(3, 5, 7, { transposeA, transposeB: !transposeA }),
    product(33, 20, 9, { transposeA, transposeB: transposeA }),
  ]),
  ...[true, false].flatMap((training) =>
    [1, 3, 4, 8].flatMap((channels) => [
      normalization([3, 5, 2, channels], training),
      normalization([7, channels], training),
      normalization([3, 5, 2, channels], training, "gelu"),
    ]),
  ),
  ...[0, 0.4].flatMap((rate) =>
    [1, 3, 4, 8].map((channels) => normalizationReluDropout([3, 5, 2, channels], rate)),
  ),
  ...channelCounts.map((channels) => convolution(2, 4, channels, 9 - channels, { padding: 1 })),
  convolution(2, 6, 3, 4, { stride: 2 }),
  convolution(2, 6, 4, 4, { stride: [1, 2], groups: 4 }),
  convolution(2, 6, 3, 6, { padding: 1, groups: 3 }),
  convolution(2, 7, 4, 6, { dilation: 2, groups: 2 }),
  ...channelCounts.map(pooling),
  ...[3, 4].flatMap((channels): Row[] => [
    pooled("maxPool2d padded", channels, (x) => maxPool2d(x, { size: 3, stride: 2, padding: 1 })),
    pooled("avgPool2d", channels, (x) => avgPool2d(x, { size: 3, stride: 2, padding: 1 })),
    pooled("adaptiveAvgPool2d", channels, (x) => adaptiveAvgPool2d(x, [2, 3])),
    pooled("globalAvgPool2d", channels, globalAvgPool2d),
  ]),
];

/** Distinct values: 37 and the count have no common factor. */
export function dataOf(shape: readonly number[]): Values {
  return Float32Array.from({ length: size(shape) }, (_, k) => ((k * 37) % size(shape)) + 1);
}
