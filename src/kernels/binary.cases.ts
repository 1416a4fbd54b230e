import { binaryReference } from "./binary.reference.ts";
import {
  addBroadcast,
  addQuads,
  type BinaryOperation,
  divBroadcast,
  divQuads,
  launchBinary,
  maximumBroadcast,
  maximumQuads,
  mulBroadcast,
  mulQuads,
  shareBroadcast,
  shareQuads,
  subBroadcast,
  subQuads,
} from "./binary.ts";
import { type KernelCase, noise, values, view } from "./cases.ts";

type ShapeOrNumber = readonly number[] | number;

const quadKernels = {
  add: addQuads,
  sub: subQuads,
  mul: mulQuads,
  div: divQuads,
  maximum: maximumQuads,
  share: shareQuads,
};
const broadcastKernels = {
  add: addBroadcast,
  sub: subBroadcast,
  mul: mulBroadcast,
  div: divBroadcast,
  maximum: maximumBroadcast,
  share: shareBroadcast,
};
const operations: readonly BinaryOperation[] = ["add", "sub", "mul", "div", "maximum", "share"];
/** Whose cases have NaN, and elements that are equal. */
const comparing: readonly BinaryOperation[] = ["maximum", "share"];

const activation = [32, 32, 32, 64];
const alike: [ShapeOrNumber, ShapeOrNumber, readonly number[]][] = [
  [[1], [1], [1]],
  [[5], [5], [5]],
  [
    [3, 5, 7, 2],
    [3, 5, 7, 2],
    [3, 5, 7, 2],
  ],
  [[257], [1], [257]],
  [
    [1, 1],
    [3, 43],
    [3, 43],
  ],
  [[259], -1.5, [259]],
  [2.5, [17, 15], [17, 15]],
  [[], [], [3]],
  [activation, activation, activation],
];
const broadcasts: [ShapeOrNumber, ShapeOrNumber, readonly number[]][] = [
  [[7, 3], [3], [7, 3]],
  [
    [7, 1],
    [7, 3],
    [7, 3],
  ],
  [
    [4, 1],
    [1, 5],
    [4, 5],
  ],
  [
    [2, 3, 1, 5],
    [3, 4, 1],
    [2, 3, 4, 5],
  ],
  [
    [2, 1, 3, 1, 2, 1],
    [1, 2, 1, 3, 1, 2],
    [2, 2, 3, 3, 2, 2],
  ],
  [[3], 0.5, [5, 3]],
  [
    [2, 3, 1, 1, 1, 1, 4],
    [2, 3, 1, 2, 1, 1, 1],
    [2, 3, 1, 2, 1, 1, 4],
  ],
  [activation, [64], activation],
];

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

function text(operand: ShapeOrNumber): string {
  return typeof operand === "number" ? String(operand) : `[${operand.join(", ")}]`;
}

/** Away from 0, so that quotients are as accurate as the largest. */
function divisor(count: number, seed: number): Float32Array<ArrayBuffer> {
  return noise(count, seed).map((value) => value + Math.sign(value) * 0.5);
}

function withNan(x: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  if (x.length > 2) x[1] = Number.NaN;
  return x;
}

function binaryCase(
  operation: BinaryOperation,
  a: ShapeOrNumber,
  b: ShapeOrNumber,
  shape: readonly number[],
  covers: KernelCase["covers"],
): KernelCase {
  const aShape = typeof a === "number" ? [] : a;
  const bShape = typeof b === "number" ? [] : b;
  const bytes = 4 * (sizeOf(aShape) + sizeOf(bShape) + sizeOf(shape));
  return {
    name: `${operation} ${text(a)} ${text(b)} -> ${text(shape)}`,
    covers,
    inputs: () => {
      const coarse = (x: Float32Array<ArrayBuffer>) =>
        comparing.includes(operation) ? withNan(x.map((value) => Math.round(2 * value))) : x;
      return {
        ...(typeof a === "number" ? {} : { a: coarse(noise(sizeOf(a), 1)) }),
        ...(typeof b === "number" ? {} : { b: coarse(divisor(sizeOf(b), 2)) }),
      };
    },
    outputs: { y: sizeOf(shape) },
    launch: (device, views) => {
      const left = typeof a === "number" ? a : { ...view(views, "a"), shape: a };
      const right = typeof b === "number" ? b : { ...view(views, "b"), shape: b };
      launchBinary(device, operation, left, right, { ...view(views, "y"), shape });
    },
    reference: (inputs) => {
      const left = typeof a === "number" ? [a] : values(inputs, "a");
      const right = typeof b === "number" ? [b] : values(inputs, "b");
      return { y: binaryReference(operation, left, aShape, right, bShape, shape) };
    },
    tolerance:
      operation === "div"
        ? { relative: 2.5 * 2 ** -23, why: "WGSL allows a quotient 2.5 units in the last place" }
        : { relative: 2 ** -24, why: "one rounding" },
    bench: shape === activation && operation !== "share",
    bytes,
  };
}

export const binaryCases: KernelCase[] = operations.flatMap((operation) => [
  ...alike.map(([a, b, shape]) => binaryCase(operation, a, b, shape, [quadKernels[operation]])),
  ...broadcasts.map(([a, b, shape]) => binaryCase(operation, a, b, shape, [broadcastKernels[operation]])),
]);
