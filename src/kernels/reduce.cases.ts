import { type KernelCase, noise, values, view } from "./cases.ts";
import { maxReference, sumReference } from "./reduce.reference.ts";
import {
  launchMax,
  launchSum,
  maxBackward,
  maxForward,
  placeAlongAxis,
  sumQuads,
  sumScalars,
} from "./reduce.ts";

type ReduceShape = readonly [shape: readonly number[], axes: readonly number[]];

const stage1: ReduceShape = [
  [32, 32, 32, 64],
  [0, 1, 2],
];
const everything: ReduceShape = [
  [32, 32, 32, 64],
  [0, 1, 2, 3],
];
const shapes: readonly ReduceShape[] = [
  [[1], [0]],
  [[5], []],
  [[7], [0]],
  [[63], [0]],
  [[65], [0]],
  [[1027], [0]],
  [[131_073], [0]],
  [[3, 64], [1]],
  [[5, 67], [1]],
  [[5, 268], [1]],
  [[257, 3], [0]],
  [[1031, 8], [0]],
  [[4, 7, 6], [1]],
  [
    [4, 7, 6],
    [0, 2],
  ],
  [
    [2, 3, 5, 7],
    [0, 2],
  ],
  [
    [2, 3, 5, 8],
    [1, 3],
  ],
  [[3, 1, 5], [1]],
  [
    [2, 2, 3, 2, 2, 3],
    [0, 2, 4],
  ],
];

const sizeOf = (extents: readonly number[]) => extents.reduce((product, extent) => product * extent, 1);
const outputsOf = ([shape, axes]: ReduceShape) => sizeOf(shape.filter((_, axis) => !axes.includes(axis)));
const text = ([shape, axes]: ReduceShape) => `[${shape.join(", ")}] over [${axes.join(", ")}]`;

/** Few distinct values, so that there are ties; a NaN and infinities where there is room. */
function withTies(count: number): Float32Array<ArrayBuffer> {
  const x = noise(count, 3).map((value) => Math.round(value * 3) / 4);
  if (count > 40) x.set([Number.NEGATIVE_INFINITY, -0, Number.POSITIVE_INFINITY, Number.NaN], count - 9);
  return x;
}

function sumCase(shape: ReduceShape, divisor: number): KernelCase {
  const outputs = outputsOf(shape);
  const count = sizeOf(shape[0]);
  return {
    name: `${divisor === 1 ? "sum" : `sum / ${divisor}`} ${text(shape)}`,
    covers: [sumScalars, sumQuads],
    // All positive: no cancellation, so that the tolerance is about the sum's own error.
    inputs: () => ({ x: noise(count, 1).map((value) => value + 1.25) }),
    outputs: { y: outputs },
    launch: (device, views) =>
      launchSum(device, {
        x: view(views, "x"),
        y: view(views, "y"),
        shape: shape[0],
        axes: shape[1],
        divisor,
      }),
    reference: (inputs) => ({ y: sumReference(values(inputs, "x"), shape[0], shape[1], divisor) }),
    tolerance: { relative: 8 * 2 ** -24, why: "at most 40 roundings a pass, whose errors mostly cancel" },
    bench: shape === stage1 || shape === everything,
    bytes: 4 * (count + outputs),
  };
}

function maxCase(shape: ReduceShape): KernelCase {
  const outputs = outputsOf(shape);
  const count = sizeOf(shape[0]);
  return {
    name: `max_forward ${text(shape)}`,
    covers: [maxForward],
    inputs: () => ({ x: withTies(count) }),
    outputs: { y: outputs, index: outputs },
    types: { index: "u32" },
    launch: (device, views) => {
      const [x, y, index] = [view(views, "x"), view(views, "y"), view(views, "index")];
      launchMax(device, { x, y, index, shape: shape[0], axes: shape[1] });
    },
    reference: (inputs) => maxReference(values(inputs, "x"), shape[0], shape[1]),
    tolerance: "exact",
    bytes: 4 * (count + 2 * outputs),
  };
}

/** The gradient of the maxima of each row of three. */
function maxBackwardCase(rows: number): KernelCase {
  const index = Uint32Array.from({ length: rows }, (_, row) => 3 * row + (row % 3));
  return {
    name: `max_backward [${rows}, 3]`,
    covers: [maxBackward],
    inputs: () => ({ dy: noise(rows, 1), index, dx: new Float32Array(3 * rows) }),
    outputs: { dx: 3 * rows },
    launch: (device, views) =>
      maxBackward(device, {
        dy: view(views, "dy"),
        index: view(views, "index"),
        dx: view(views, "dx"),
        n: rows,
      }),
    reference: (inputs) => {
      const dx = new Float64Array(3 * rows);
      index.forEach((at, row) => {
        dx[at] = values(inputs, "dy")[row] ?? 0;
      });
      return { dx };
    },
    tolerance: "exact",
    bytes: 20 * rows,
  };
}

/** Places along the middle axis of [5, 7, 3]. */
function placeCase(count: number): KernelCase {
  const index = Uint32Array.from({ length: count }, (_, k) => (k * 37) % 105);
  return {
    name: `place_along_axis [${count}]`,
    covers: [placeAlongAxis],
    inputs: () => ({ index }),
    outputs: { place: count },
    types: { place: "i32" },
    launch: (device, views) => {
      const [from, place] = [view(views, "index"), view(views, "place")];
      placeAlongAxis(device, { index: from, place, n: count, stride: 3, extent: 7 });
    },
    reference: () => ({ place: Array.from(index, (at) => Math.floor(at / 3) % 7) }),
    tolerance: "exact",
    bytes: 8 * count,
  };
}

export const reduceCases: KernelCase[] = [
  ...[...shapes, stage1, everything].map((shape) => sumCase(shape, 1)),
  sumCase(
    [
      [4, 7, 6],
      [0, 2],
    ],
    24,
  ),
  ...shapes.map(maxCase),
  ...[1, 5, 257].map(maxBackwardCase),
  ...[1, 7, 257].map(placeCase),
];
