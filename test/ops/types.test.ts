/** Ops on floats refuse integers: their bits, read as floats, would be numbers near 0. */
import { expect, it } from "vitest";
import type { Tensor } from "wgrad";
import * as wgrad from "wgrad";
import { gpu } from "../support/gpu.ts";

const { argmax, clamp, dropout, exp, gelu, leakyRelu, log, logSoftmax, max, mean, neg, pad, pow, relu } =
  wgrad;
const { sigmoid, silu, softmax, sqrt, sum, tanh } = wgrad;

const integers = gpu.tensor(Int32Array.of(1, -2), [1, 2], { name: "counts" });
const unary: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  ...{
    argmax,
    exp,
    gelu,
    leakyRelu,
    log,
    logSoftmax,
    max,
    mean,
    neg,
    relu,
    sigmoid,
    silu,
    softmax,
    sqrt,
    sum,
    tanh,
  },
  clamp: (x) => clamp(x, { min: 0 }),
  dropout: (x) => dropout(x, { rate: 0.5, training: false }),
  pad: (x) => pad(x, []),
  pow: (x) => pow(x, 2),
};

it.each(Object.entries(unary))("%s", (name, op) => {
  expect(() => op(integers)).toThrow(
    `[${name}] 'x' must be an f32 tensor, but got 'counts' [1, 2] of i32; make it from a Float32Array`,
  );
});

it.each(["gamma", "beta", "runningMean", "runningVar"])("%s of batch normalization", (name) => {
  const { batchNorm, batchNormGelu, batchNormReluDropout } = wgrad;
  const floats = () => gpu.full([1], 1);
  const tensors = { gamma: floats(), beta: floats(), runningMean: floats(), runningVar: floats() };
  const { gamma, beta, ...options } = { ...tensors, training: true, [name]: gpu.tensor(Int32Array.of(1)) };
  for (const op of [batchNorm, batchNormGelu, batchNormReluDropout]) {
    expect(() => op(gpu.zeros([2, 1]), gamma, beta, options)).toThrow(
      `[${op.name}] '${name}' must be an f32 tensor, but got tensor [1] of i32; make it from a Float32Array`,
    );
  }
});
