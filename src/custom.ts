/**
 * `custom`: what an op of one's own is made of. A kernel in WGSL, tensors for its results, and how its gradient flows.
 * `docs/guide/own-op.md` makes one.
 *
 * @module
 */
export { type Element, type Kernel, kernel, type ParamType, wgsl } from "./gpu/kernel.ts";
export { type Differentiable, type GradientSink, record } from "./tensor/tape.ts";
export { emptyLike, quads } from "./tensor/tensor.ts";
