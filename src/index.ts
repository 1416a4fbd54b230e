/** `wgrad`: train convolutional networks on WebGPU, in Node and in the browser. */
export { type GpuInfo, NoAdapterError } from "./gpu/adapter.ts";
export type { MemoryUse } from "./gpu/buffers.ts";
export type { CompileProgress } from "./gpu/precompile.ts";
export { createGpu, Gpu, type GpuOptions } from "./tensor/gpu.ts";
export { relu } from "./tensor/ops/relu.ts";
export { Rng, type RngState } from "./tensor/rng.ts";
export { type BackwardOptions, noGrad } from "./tensor/tape.ts";
export { Tensor, type TensorOptions } from "./tensor/tensor.ts";
