/**
 * Bilinear algorithms for a row of m outputs of a convolution with 3 taps, and which of them a convolution's tiles use.
 *
 * `y = output ((weight w) * (input x))`, with `*` element by element, takes one multiplication a point: m + 2 in place of 3 m. In two dimensions the
 * matrices apply to columns and to rows: (m + 2)^2 in place of 9 m^2 multiplications. The gradients are the same algorithm transposed:
 *
 * - `dx = input^T ((weight w) * (output^T dy))`
 * - `dw = weight^T ((input x) * (output^T dy))`
 *
 * so that x, w and dy are each transformed once for the two products they're part of.
 *
 * Sources: A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; S. Winograd, "Arithmetic Complexity of Computations", 1980 (the
 * transposition, and Toom's and Cook's construction from points).
 */
import { type Conv2dShape, outputExtents } from "../shape.ts";

/** By rows. */
export type Matrix = readonly (readonly number[])[];

export interface TileAlgorithm {
  /** Part of the kernels' names. */
  readonly name: string;
  /** Output pixels of a tile in each direction: m. */
  readonly outputs: number;
  /** Input pixels of a tile that count, and which is their first: 1 where the one before is never in the image. */
  readonly inputs: number;
  readonly firstInput: number;
  /** Products that a tile takes in each direction. */
  readonly points: number;
  /** `points x inputs`. */
  readonly input: Matrix;
  /** `points x 3`. */
  readonly weight: Matrix;
  /** `outputs x points`. */
  readonly output: Matrix;
}

export function transpose(matrix: Matrix): Matrix {
  return (matrix[0] ?? []).map((_, column) => matrix.map((row) => row[column] ?? 0));
}

/** Coefficients of the product of (x - root) over all roots, constant first. */
function polynomial(roots: readonly number[]): readonly number[] {
  let product: readonly number[] = [1];
  for (const root of roots)
    product = [...product, 0].map((_, k) => (product[k - 1] ?? 0) - root * (product[k] ?? 0));
  return product;
}

/** The algorithm that evaluates polynomials at m + 1 given points and at infinity. */
function toomCook(outputs: number, points: readonly number[]): TileAlgorithm {
  const others = (point: number) => points.filter((other) => other !== point);
  const scale = (point: number) => others(point).reduce((product, other) => product * (point - other), 1);
  const last = (length: number) => Array.from({ length }, (_, k) => (k === length - 1 ? 1 : 0));
  const powers = (point: number, count: number) => Array.from({ length: count }, (_, k) => point ** k);
  return {
    name: `f${outputs}`,
    outputs,
    inputs: outputs + 2,
    firstInput: 0,
    points: points.length + 1,
    input: [...points.map((point) => [...polynomial(others(point)), 0]), polynomial(points)],
    weight: [...points.map((point) => powers(point, 3).map((power) => power / scale(point))), last(3)],
    output: transpose([...points.map((point) => powers(point, outputs)), last(outputs)]),
  };
}

/**
 * For images of two pixels with a pixel of padding: only x0 and x1 count, so that y0 = w1 x0 + w2 x1 and y1 = w0 x0 + w1 x1 take three
 * products: w1 (x0 + x1), (w2 - w1) x1, (w0 - w1) x0. Weights don't grow.
 */
const pair: TileAlgorithm = {
  name: "pair",
  outputs: 2,
  inputs: 2,
  firstInput: 1,
  points: 3,
  input: [
    [1, 1],
    [0, 1],
    [1, 0],
  ],
  weight: [
    [0, 1, 0],
    [0, -1, 1],
    [1, -1, 0],
  ],
  output: [
    [1, 1, 0],
    [1, 0, 1],
  ],
};

/**
 * Points decide how accurate an algorithm is. Relative error of sums over 64 channels, in float32: m = 4 with the usual 0, +-1, +-2 1.9e-6 and with these 0.8e-6
 * (0, +-1, +-1/2 1.7e-6; 0, +-1, 2, -1/2 1.1e-6; 0, +-5/8, +-5/4 0.9e-6); m = 5 2.3e-6 (the best of 360 sets of eighths); m = 3 0.8e-6; m = 2 0.3e-6.
 */
export const tileAlgorithms: readonly TileAlgorithm[] = [
  toomCook(4, [0, 3 / 4, -3 / 4, 3 / 2, -3 / 2]),
  toomCook(5, [0, 7 / 8, -7 / 8, 2, -2, 3 / 8]),
  toomCook(3, [0, 3 / 4, -3 / 4, 3 / 2]),
  toomCook(2, [0, 1, -1]),
  pair,
];

/**
 * How much larger than a direct sum's the roundings of an algorithm are, for one direction: the norm of the products that enter the worst output, for
 * inputs and weights of the same size, over the root of 3 taps.
 */
export function growthOfRoundings({ input, weight, output }: TileAlgorithm): number {
  const square = (row: readonly number[] = []) => row.reduce((sum, value) => sum + value ** 2, 0);
  const norms = output.map((row) =>
    row.reduce((sum, value, point) => sum + value ** 2 * square(input[point]) * square(weight[point]), 0),
  );
  return Math.sqrt(Math.max(...norms) / 3);
}

/** Tiles in each direction. */
export function tileCounts({ outputs }: TileAlgorithm, shape: Conv2dShape): readonly [number, number] {
  const { ho, wo } = outputExtents(shape);
  return [Math.ceil(ho / outputs), Math.ceil(wo / outputs)];
}

/** The one with the fewest products for a convolution's image, if its window is 3x3 and its stride 1. */
export function chooseAlgorithm(shape: Conv2dShape): TileAlgorithm | undefined {
  const { h, w, kh, kw, stride, paddingH, paddingW } = shape;
  if (kh !== 3 || kw !== 3 || stride !== 1 || paddingH > 2 || paddingW > 2) return undefined;
  const isPair = h === 2 && w === 2 && paddingH === 1 && paddingW === 1;
  const products = (algorithm: TileAlgorithm) => {
    const [rows, columns] = tileCounts(algorithm, shape);
    return rows * columns * algorithm.points ** 2;
  };
  return tileAlgorithms
    .filter((algorithm) => algorithm !== pair || isPair)
    .reduce((best, algorithm) => (products(algorithm) < products(best) ? algorithm : best));
}
