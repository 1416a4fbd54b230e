/** `gradcheck` accepts the gradients of every op of this layer, and catches wrong ones. */

import { describe, expect, it } from "vitest";
import {
  adaptiveAvgPool2d,
  add,
  avgPool2d,
  binaryCrossEntropyWithLogits,
  clamp,
  concat,
  conv2d,
  div,
  exp,
  flatten,
  gelu,
  globalAvgPool2d,
  leakyRelu,
  log,
  logSoftmax,
  matmul,
  max,
  maximum,
  maxPool2d,
  mean,
  meanSquaredError,
  mul,
  neg,
  pad,
  pow,
  relu,
  reshape,
  sigmoid,
  silu,
  slice,
  softmax,
  softmaxCrossEntropy,
  sqrt,
  sub,
  sum,
  type Tensor,
  tanh,
  transpose,
  where,
} from "wgrad";
import { gradcheck } from "wgrad/testing";
import { noise } from "../../src/kernels/cases.ts";
import { record } from "../../src/tensor/tape.ts";
import { emptyLike } from "../../src/tensor/tensor.ts";
import { gpu } from "../support/gpu.ts";

const random = (shape: number[], seed = 1) =>
  gpu.tensor(
    noise(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    shape,
  );
/** In [0.5, 2.5): the domain of logarithms, roots, divisors. */
const positive = (shape: number[], seed = 1) => add(random(shape, seed), 1.5);
/** Distinct values further apart than a step. */
const distinct = (shape: number[]) => {
  const size = shape.reduce((a, b) => a * b, 1);
  return gpu.tensor(
    Float32Array.from({ length: size }, (_, k) => ((k * 7) % size) + 1),
    shape,
  );
};

const cases: [string, (...inputs: Tensor[]) => Tensor, () => Tensor[]][] = [
  ["add", add, () => [random([3, 5]), random([5], 2)]],
  ["sub", sub, () => [random([3, 1]), random([3, 5], 2)]],
  ["mul", mul, () => [random([2, 1, 3]), random([5, 1], 2)]],
  ["div", div, () => [random([3, 5]), positive([3, 1], 2)]],
  ["div by one element", div, () => [random([7]), positive([1], 2)]],
  ["a number in each place", (x) => add(mul(x, 3), sub(2, div(1, x))), () => [positive([7])]],
  ["neg", neg, () => [random([7])]],
  ["exp", exp, () => [random([3, 5])]],
  ["log", log, () => [positive([3, 5])]],
  ["sqrt", sqrt, () => [positive([3, 5])]],
  ["pow 3", (x) => pow(x, 3), () => [random([3, 5])]],
  ["pow -1.5", (x) => pow(x, -1.5), () => [positive([3, 5])]],
  ["sum", (x) => sum(x, { axes: [0, 2] }), () => [random([3, 4, 5])]],
  ["mean", (x) => mean(x, { axes: -1, keepDims: true }), () => [random([3, 4, 5])]],
  ["max", (x) => max(x, { axes: [0, 2] }), () => [distinct([3, 4, 5])]],
  ["reshape", (x) => mul(reshape(x, [5, -1]), reshape(x, [5, 3])), () => [random([3, 5])]],
  ["flatten", (x) => pow(flatten(x), 2), () => [random([2, 3, 4])]],
  ["transpose", (x) => mul(transpose(x, [2, 0, 1]), random([5, 3, 4], 3)), () => [random([3, 4, 5])]],
  ["slice", (x) => pow(slice(x, [1, 0, 2], [3, -1]), 2), () => [random([3, 4, 5])]],
  [
    "concat",
    (a, b) => pow(concat([a, b, a], { axis: 1 }), 2),
    () => [random([3, 4, 4]), random([3, 8, 4], 2)],
  ],
  [
    "pad",
    (x) =>
      pow(
        pad(
          x,
          [
            [1, 2],
            [0, 1],
          ],
          { value: 3 },
        ),
        2,
      ),
    () => [random([3, 4, 5])],
  ],
  ["relu", relu, () => [distinct([3, 5])]],
  ["gelu", gelu, () => [random([3, 5])]],
  ["leakyRelu", (x) => leakyRelu(x, { slope: 0.3 }), () => [sub(distinct([3, 5]), 7.5)]],
  ["sigmoid", sigmoid, () => [random([3, 5])]],
  ["silu", silu, () => [random([3, 5])]],
  ["tanh", tanh, () => [random([3, 5])]],
  ["clamp", (x) => clamp(x, { min: 3.5, max: 9.5 }), () => [distinct([3, 5])]],
  ["softmax", softmax, () => [random([2, 3, 5])]],
  ["logSoftmax", logSoftmax, () => [random([2, 3, 5])]],
  ["maximum", maximum, () => [distinct([3, 5]), mul(distinct([5]), 2.3)]],
  ["maximum of a number", (x) => maximum(4.5, x), () => [distinct([3, 5])]],
  ["where", (a, b) => where(gpu.tensor([1, 0, 1, 0, 0]), a, b), () => [random([3, 5]), random([3, 1], 2)]],
  ["maxPool2d", (x) => maxPool2d(x, { size: 3, stride: 2, padding: 1 }), () => [distinct([1, 5, 4, 3])]],
  [
    "avgPool2d",
    (x) => avgPool2d(x, { size: 3, stride: 2, padding: 1, countIncludePad: false }),
    () => [random([1, 5, 4, 3])],
  ],
  ["adaptiveAvgPool2d", (x) => adaptiveAvgPool2d(x, [2, 3]), () => [random([1, 5, 4, 4])]],
  ["globalAvgPool2d", globalAvgPool2d, () => [random([2, 3, 4, 3])]],
  ["matmul", (a, b) => matmul(a, b, { transposeB: true }), () => [random([5, 67]), random([3, 67], 2)]],
  ["conv2d", (x, w) => conv2d(x, w, { padding: 1 }), () => [random([1, 5, 5, 2]), random([3, 3, 3, 2], 2)]],
  [
    "conv2d, depthwise",
    (x, w) => conv2d(x, w, { padding: 1, stride: [1, 2], groups: 4 }),
    () => [random([2, 5, 6, 4]), random([4, 3, 3, 1], 2)],
  ],
  [
    "conv2d, depthwise, two outputs an input",
    (x, w) => conv2d(x, w, { padding: 1, groups: 3 }),
    () => [random([2, 5, 6, 3]), random([6, 3, 2, 1], 2)],
  ],
  [
    "conv2d in groups, dilated",
    (x, w) => conv2d(x, w, { padding: [1, 2], stride: [2, 1], dilation: [1, 2], groups: 2 }),
    () => [random([2, 5, 6, 4]), random([6, 3, 3, 2], 2)],
  ],
  ["meanSquaredError", meanSquaredError, () => [random([3, 5]), random([3, 5], 2)]],
  ["binaryCrossEntropyWithLogits", binaryCrossEntropyWithLogits, () => [random([3, 5]), positive([3, 5], 2)]],
  [
    "softmaxCrossEntropy",
    (x) => softmaxCrossEntropy(x, Int32Array.of(4, -1, 2), { ignoreIndex: -1, labelSmoothing: 0.1 }),
    () => [random([3, 5])],
  ],
  ["a softmax by hand", softmaxByHand, () => [random([3, 5])]],
];

function softmaxByHand(x: Tensor): Tensor {
  const powers = exp(sub(x, max(x, { axes: 1, keepDims: true }).detach()));
  return div(powers, sum(powers, { axes: 1, keepDims: true }));
}

/** y = x, whose gradient is wrong by `factor`, at the first element only if asked to. */
function wrongIdentity(factor: number, onlyFirst = false) {
  return (x: Tensor): Tensor => {
    const y = emptyLike(x);
    x.device.stream.copy(x, y);
    return record("wrongIdentity", y, [x], {
      backward: (dy, gradients) => {
        const factors = Float32Array.from({ length: x.size }, (_, k) => (onlyFirst && k > 0 ? 1 : factor));
        gradients.pass(x, mul(dy, gpu.tensor(factors, x.shape)));
      },
    });
  };
}

describe("gradcheck accepts", () => {
  for (const [name, fn, inputs] of cases) {
    it(`${name}, along a direction`, async () => {
      for (const seed of [0, 1, 2]) await gradcheck(fn, inputs(), { seed });
    });
  }
  it("elementwise, too", async () => {
    await gradcheck(softmaxByHand, [random([2, 3])], { elementwise: true });
  });
  it("an input that the output doesn't depend on", async () => {
    await gradcheck((x, y) => add(x, mul(y.detach(), 0)), [random([3]), random([3], 2)]);
  });
});

describe("gradcheck refuses", () => {
  it("a gradient that is 1 % too large, and names the input", async () => {
    const x = gpu.tensor([1, 2, 3], [3], { name: "image" });
    await expect(gradcheck(wrongIdentity(1.01), [x])).rejects.toThrow(
      /input 0 'image' \[3\] is wrong along a random direction: analytic .*, numeric /,
    );
  });
  it("a wrong sign", async () => {
    await expect(gradcheck(wrongIdentity(-1), [random([7])])).rejects.toThrow("is wrong");
  });
  it("one wrong element, and names it", async () => {
    const check = gradcheck(wrongIdentity(1.02, true), [random([2, 3])], { elementwise: true });
    await expect(check).rejects.toThrow("at element 0");
  });
  it("inputs without floats", async () => {
    await expect(
      gradcheck((x) => x, [gpu.tensor(new Int32Array(1))]),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: [gradcheck] 'inputs' must hold an f32 tensor: nothing else has a gradient]`,
    );
  });
});

it("gradcheck leaves the inputs alone", async () => {
  const x = gpu.tensor([1, 2, 3], [3], { requiresGrad: true });
  await gradcheck((input) => mul(input, input), [x]);
  expect(x.grad).toBeNull();
  expect([...(await x.data())]).toEqual([1, 2, 3]);
});
