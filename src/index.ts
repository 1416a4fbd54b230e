/** `wgrad`: train convolutional networks on WebGPU, in Node and in the browser. */
export * as custom from "./custom.ts";
export * as data from "./data/index.ts";
export { type GpuInfo, NoAdapterError } from "./gpu/adapter.ts";
export { MemoryError, type MemoryUse } from "./gpu/buffers.ts";
export type { Pass } from "./gpu/origin.ts";
export type { CompileProgress } from "./gpu/precompile.ts";
export type { TimingMethod } from "./gpu/timed-run.ts";
export * as nn from "./nn/index.ts";
export * as optim from "./nn/optim/index.ts";
export { createGpu, Gpu, type GpuOptions } from "./tensor/gpu.ts";
export { graphToDot } from "./tensor/graph.ts";
export {
  type ClampOptions,
  clamp,
  type LeakyReluOptions,
  leakyRelu,
  sigmoid,
  silu,
  tanh,
} from "./tensor/ops/activations.ts";
export { add, div, maximum, mul, sub } from "./tensor/ops/arithmetic.ts";
export {
  type AvgPool2dOptions,
  adaptiveAvgPool2d,
  avgPool2d,
  globalAvgPool2d,
} from "./tensor/ops/average-pool2d.ts";
export { type BatchNormOptions, batchNorm } from "./tensor/ops/batch-norm.ts";
export { batchNormGelu } from "./tensor/ops/batch-norm-gelu.ts";
export {
  type BatchNormReluDropoutOptions,
  batchNormReluDropout,
} from "./tensor/ops/batch-norm-relu-dropout.ts";
export { concat, pad, slice } from "./tensor/ops/box.ts";
export { type Conv2dOptions, conv2d } from "./tensor/ops/conv2d.ts";
export { type DropoutOptions, dropout } from "./tensor/ops/dropout.ts";
export { gelu } from "./tensor/ops/gelu.ts";
export { binaryCrossEntropyWithLogits, meanSquaredError } from "./tensor/ops/losses.ts";
export { exp, log, neg, pow, sqrt } from "./tensor/ops/math.ts";
export { type MatmulOptions, matmul } from "./tensor/ops/matmul.ts";
export { type MaxPool2dOptions, maxPool2d } from "./tensor/ops/max-pool2d.ts";
export { countCorrect, Metrics, type MetricsResult } from "./tensor/ops/metrics.ts";
export { argmax, max, mean, type ReduceOptions, sum } from "./tensor/ops/reduce.ts";
export { relu } from "./tensor/ops/relu.ts";
export { flatten, reshape } from "./tensor/ops/reshape.ts";
export { logSoftmax, softmax } from "./tensor/ops/softmax.ts";
export {
  type Labels,
  type SoftmaxCrossEntropyOptions,
  softmaxCrossEntropy,
} from "./tensor/ops/softmax-cross-entropy.ts";
export { transpose } from "./tensor/ops/transpose.ts";
export { where } from "./tensor/ops/where.ts";
export type { Extents, PoolOptions } from "./tensor/ops/windows.ts";
export type { MemoryRow, Profile, ProfiledLaunch, ProfileTotal } from "./tensor/profile/profile.ts";
export type { ProfileOptions } from "./tensor/profile/profiler.ts";
export type { ProfileTable } from "./tensor/profile/tables.ts";
export type { RecordedArgument, RecordedStep } from "./tensor/record.ts";
export { Rng, type RngState } from "./tensor/rng.ts";
export type { Shape } from "./tensor/shape.ts";
export { type BackwardOptions, noGrad } from "./tensor/tape.ts";
export { type DType, type HostArray, type HostData, Tensor, type TensorOptions } from "./tensor/tensor.ts";
export * as train from "./train/index.ts";
