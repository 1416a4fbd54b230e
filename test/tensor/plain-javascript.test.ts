/** What types refuse, plain JavaScript may pass: an error says which argument it was, and nothing is computed from something else. */
import { expect, it } from "vitest";
import * as wgrad from "wgrad";
import { gpu } from "../support/gpu.ts";

const { nn, optim } = wgrad;
const ops: Readonly<Record<string, unknown>> = { ...wgrad };
const x = gpu.zeros([2, 3]);
const square = gpu.zeros([2, 2]);
const image = gpu.zeros([1, 4, 4, 1]);
const weight = gpu.zeros([1, 1, 1, 1]);
const message = (fn: unknown, ...args: unknown[]) => {
  try {
    Reflect.apply(fn as () => unknown, gpu, args);
  } catch (error) {
    return (error as Error).message;
  }
  return "nothing was thrown";
};

it.each([
  ["sum", [x, 1], "1"],
  ["mean", [x, -1], "-1"],
  ["max", [x, [1]], "Array of 1"],
  ["argmax", [x, 1], "1"],
  ["flatten", [x, 0], "0"],
  ["concat", [[x, x], 1], "1"],
  ["leakyRelu", [x, 0.2], "0.2"],
  ["matmul", [square, square, false, true], "false"],
  ["softmaxCrossEntropy", [x, Int32Array.of(0, 1), 0.1], "0.1"],
  ["conv2d", [image, weight, [2, 2], "same"], "Array of 2"],
  ["maxPool2d", [image, 2], "2"],
  ["avgPool2d", [image, 2], "2"],
  ["dropout", [x, 0.5], "0.5"],
] as const)("%s takes its options by name only", (name, args, got) => {
  expect(message(ops[name], ...args)).toBe(`[${name}] options must be an object with names, but got ${got}`);
});

it("layers and tensors take theirs so, too", () => {
  const model = new nn.Sequential(new nn.BatchNorm(gpu, { channels: 3 }));
  const thinned = new nn.Sequential(new nn.Dropout({ rate: 0.5, rng: gpu.rng(0) }));
  expect([
    message(() => Reflect.apply(model.forward, model, [x, true])),
    message(() => Reflect.apply(thinned.forward, thinned, [x, true])),
    message(gpu.tensor, [1], [1], true),
    message(gpu.zeros, [1], true),
  ]).toMatchInlineSnapshot(`
    [
      "[BatchNorm] options must be an object with names, but got true (in 0)",
      "[Dropout] options must be an object with names, but got true (in 0)",
      "[tensor] options must be an object with names, but got true",
      "[zeros] options must be an object with names, but got true",
    ]
  `);
});

it("has 'axes' where several are reduced, 'axis' where it's one", () => {
  expect([message(wgrad.sum, x, { axis: 1 }), message(wgrad.argmax, x, { axes: 1 })]).toMatchInlineSnapshot(`
    [
      "[sum] has no option 'axis'; it's called 'axes' here",
      "[argmax] has no option 'axes'; it's called 'axis' here",
    ]
  `);
});

it.each([
  ["add", [x, [1, 2, 3]], "b"],
  ["mul", [Float32Array.of(1), 2], "a"],
  ["sub", [x], "b"],
  ["maximum", [x, null], "b"],
  ["relu", [[1, 2]], "x"],
  ["sum", [[1, 2]], "x"],
  ["argmax", [Float32Array.of(1)], "x"],
  ["matmul", [[[1]], x], "a"],
  ["matmul", [x, undefined], "b"],
  ["conv2d", [[1], weight], "x"],
  ["conv2d", [image], "weight"],
  ["maxPool2d", ["image", { size: 2 }], "x"],
  ["reshape", [[1], [1]], "x"],
  ["flatten", [[1]], "x"],
  ["slice", [[1], [0]], "x"],
  ["concat", [[[1], x]], "tensors[0]"],
  ["transpose", [[[1]]], "x"],
  ["where", [true, x, x], "condition"],
  ["softmaxCrossEntropy", [[1, 2], Int32Array.of(0)], "logits"],
  ["meanSquaredError", [x, 0], "y"],
] as const)("%s of %j names what is no tensor", (name, args, argument) => {
  expect(message(ops[name], ...args)).toMatch(`[${name}] '${argument}' must be a tensor, but got `);
});

it("shapes and other lists are arrays", () => {
  expect(
    [
      message(gpu.zeros, 2, 3),
      message(gpu.zeros),
      message(gpu.full, "2x3", 1),
      message(gpu.tensor, [1, 2], 2),
      message(gpu.tensor, [1, 2], { requiresGrad: true }),
      message(gpu.tensor, 5),
      message(gpu.tensor, undefined, [2]),
      message(wgrad.reshape, x, 3, 2),
      message(wgrad.slice, x, 0, 2),
      message(wgrad.transpose, x, 1, 0),
      message(wgrad.concat, x, x),
      message(wgrad.conv2d, image, weight, { padding: "same" }),
      message(wgrad.maxPool2d, image, { kernelSize: 2 }),
      message(wgrad.softmaxCrossEntropy, x),
      message(() => Reflect.construct(nn.Conv2d, [gpu, { in: 1, out: 1 }])),
      message(() => Reflect.construct(nn.Sequential, [wgrad.relu])),
      message(() => Reflect.construct(nn.Sequential, [[new nn.ReLU()]])),
      message(optim.sgd, nn.mlp(gpu, { in: 1, hidden: [], out: 1 }), { lr: 1 }),
      message(wgrad.data.fromArrays, gpu, {
        images: new Float32Array(16),
        labels: [0],
        shape: [4, 4, 1],
        classes: 1,
      }),
    ].join("\n"),
  ).toMatchInlineSnapshot(`
    "[zeros] 'shape' must be an array, but got 2
    [zeros] 'shape' must be an array, but got undefined
    [full] 'shape' must be an array, but got 2x3
    [tensor] 'shape' must be an array, but got 2
    [tensor] 'shape' must be an array, but got Object
    [tensor] 'data' must be an array, but got 5
    [tensor] 'data' must be an array, but got undefined
    [reshape] 'shape' must be an array, but got 3
    [slice] 'start' must be an array, but got 0
    [transpose] 'permutation' must be an array, but got 1
    [concat] 'tensors' must be an array, but got Object
    [conv2d] 'padding' must be a non-negative integer or two of them, but got same
    [maxPool2d] 'size' must be a positive integer or two of them, but got undefined
    [softmaxCrossEntropy] 'labels' must be an Int32Array of 2 or an i32 tensor [2] to match logits [2, 3], but got undefined
    [Conv2d] 'size' must be a positive integer or two of them, but got undefined
    [Sequential] layer 0 must be a module such as new nn.ReLU(), but got function
    [Sequential] layer 0 must be a module such as new nn.ReLU(), but got Array of 1
    [sgd] 'parameters' must be an array, but got Object
    [data] 'images' must be bytes, a Uint8Array, but got Float32Array of 16; multiply values of 0 to 1 by 255"
  `);
});

it("numbers are numbers, in every place", () => {
  const model = nn.mlp(gpu, { in: 1, hidden: [], out: 1 });
  const load = (values: unknown) => () =>
    Reflect.apply(model.loadStateDict, model, [
      { "layers.0.weight": values, "layers.0.bias": gpu.zeros([1]) },
    ]);
  expect(
    [
      message(gpu.tensor, [1, "2"]),
      message(gpu.tensor, [1, undefined]),
      message(() => Reflect.apply(x.write, x, [[1, 2, 3, 4, 5, "6"]])),
      message(() => Reflect.apply(x.write, x, [x])),
      message(() => Reflect.apply(x.write, x, [undefined])),
      message(load({ shape: [1, 1], data: ["1"] })),
      message(load([1])),
      message(nn.encodeSafetensors, model.stateDict()),
      message(nn.decodeSafetensors, new ArrayBuffer(8)),
    ].join("\n"),
  ).toMatchInlineSnapshot(`
    "[tensor] 'data' must hold numbers, not strings; flatten nested arrays, row-major
    [tensor] 'data' must hold numbers, not undefineds; flatten nested arrays, row-major
    [write] tensor [2, 3] takes a Float32Array of 6 elements, but got Array of 6 that holds strings
    [write] tensor [2, 3] takes a Float32Array of 6 elements, but got Object
    [write] tensor [2, 3] takes a Float32Array of 6 elements, but got undefined
    [loadStateDict] the state doesn't fit, nothing was changed:
      mismatched: layers.0.weight must be f32 [1, 1], but got something else than an array of numbers for [1, 1]
    [loadStateDict] the state doesn't fit, nothing was changed:
      mismatched: layers.0.weight must be f32 [1, 1], but got Array of 1 without a shape
    [safetensors] 'layers.0.weight' must be a Float32Array, Int32Array, Uint32Array or Uint8Array, but got function: convert it, or await a tensor's data()
    [safetensors] the file must be a Uint8Array, but got ArrayBuffer: new Uint8Array(buffer) makes one"
  `);
});
