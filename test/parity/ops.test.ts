/** Convolutions, poolings and losses beside PyTorch's in float64: outputs and every gradient. make_op_fixtures.py says how the fixture came about. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  adaptiveAvgPool2d,
  avgPool2d,
  binaryCrossEntropyWithLogits,
  conv2d,
  maxPool2d,
  meanSquaredError,
  softmaxCrossEntropy,
  type Tensor,
} from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { dotLoss } from "../support/ops.ts";

interface Row {
  readonly op: keyof typeof ops;
  readonly shapes: readonly number[][];
  /** As the op takes them. */
  readonly options: never;
  readonly shape: readonly number[];
  readonly y: number[];
  readonly gradients: readonly number[][];
}

const { rows, labels }: { rows: Row[]; labels: number[] } = JSON.parse(
  readFileSync(new URL("fixtures/ops.json", import.meta.url), "utf8"),
);

const ops = {
  conv2d: ([x, weight, bias]: Tensors, options: object) => conv2d(x, weight, { bias, ...options }),
  maxPool2d: ([x]: Tensors, options: never) => maxPool2d(x, options),
  avgPool2d: ([x]: Tensors, options: never) => avgPool2d(x, options),
  adaptiveAvgPool2d: ([x]: Tensors, extents: never) => adaptiveAvgPool2d(x, extents),
  softmaxCrossEntropy: ([x]: Tensors, options: object) =>
    softmaxCrossEntropy(x, Int32Array.from(labels), options),
  meanSquaredError: ([x, y]: Tensors) => meanSquaredError(x, y),
  binaryCrossEntropyWithLogits: ([x, targets]: Tensors) => binaryCrossEntropyWithLogits(x, targets),
};
type Tensors = readonly [Tensor, Tensor, Tensor];

const sizeOf = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);

describe("as PyTorch", () => {
  for (const { op, shapes, options, shape, y, gradients } of rows) {
    it(`${op} ${JSON.stringify(shapes[0])} ${JSON.stringify(options)}`, async () => {
      const inputs = shapes.map((extents, k) =>
        gpu.tensor(noise(sizeOf(extents), k + 1), extents, { requiresGrad: true }),
      );
      const [first, second = first, third = first] = inputs;
      if (!first || !second || !third) throw new Error(`${op} has no input`);
      const output = ops[op]([first, second, third], options).keep();
      // Roundings of float32: sums of at most 27 terms.
      expect(largestError(await output.data(), y)).toBeLessThan(1e-6);
      if (shape.length > 0) expect(output.shape).toEqual(shape);
      (shape.length > 0 ? dotLoss(output, noise(output.size, 9)) : output).backward();
      for (const [k, input] of inputs.entries()) {
        expect(largestError((await input.grad?.data()) ?? [], gradients[k] ?? [])).toBeLessThan(1e-6);
      }
    });
  }
});
