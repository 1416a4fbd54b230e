/** `wgrad/testing`: a gradient check for ops of one's own, and the float64 references that the kernels are tested against. */
export * from "./kernels/batch-norm/batch-norm.reference.ts";
export * from "./kernels/batch-norm/batch-norm-relu-dropout.reference.ts";
export * from "./kernels/bias.reference.ts";
export * from "./kernels/binary.reference.ts";
export * from "./kernels/channel-sum.reference.ts";
export * from "./kernels/conv2d/conv2d.reference.ts";
export * from "./kernels/cross-entropy.reference.ts";
export * from "./kernels/dropout.reference.ts";
export * from "./kernels/finite.reference.ts";
export * from "./kernels/gather.reference.ts";
export * from "./kernels/gemm/gemm.reference.ts";
export * from "./kernels/max-pool.reference.ts";
export * from "./kernels/reduce.reference.ts";
export * from "./kernels/relu.reference.ts";
export * from "./kernels/sgd.reference.ts";
export * from "./kernels/transpose.reference.ts";
export * from "./kernels/unary.reference.ts";
export { type GradcheckOptions, gradcheck } from "./testing/gradcheck.ts";
