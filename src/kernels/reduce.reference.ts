/** Reductions in float64. */
import { broadcastStrides } from "./strides.ts";

/** Calls `visit` for each element in row-major order, with the output that it belongs to. */
function walk(
  shape: readonly number[],
  axes: readonly number[],
  visit: (index: number, output: number) => void,
) {
  const kept = shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  const strides = broadcastStrides(kept, shape);
  const size = shape.reduce((product, extent) => product * extent, 1);
  for (let index = 0; index < size; index++) {
    let rest = index;
    let output = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const extent = shape[axis] ?? 1;
      output += (rest % extent) * (strides[axis] ?? 0);
      rest = Math.floor(rest / extent);
    }
    visit(index, output);
  }
}

/** The sums over `axes`, divided by `divisor`. */
export function sumReference(
  x: ArrayLike<number>,
  shape: readonly number[],
  axes: readonly number[],
  divisor = 1,
): Float64Array {
  const sums: number[] = [];
  walk(shape, axes, (index, output) => {
    sums[output] = (sums[output] ?? 0) + (x[index] ?? 0);
  });
  return Float64Array.from(sums, (total) => total / divisor);
}

/** The maxima and, for each, the first element of x that holds it. NaN counts as the largest. */
export function maxReference(x: ArrayLike<number>, shape: readonly number[], axes: readonly number[]) {
  const index: number[] = [];
  walk(shape, axes, (candidate, output) => {
    const value = x[candidate] ?? 0;
    const largest = x[index[output] ?? candidate] ?? 0;
    const isLarger = value > largest || (Number.isNaN(value) && !Number.isNaN(largest));
    if (index[output] === undefined || isLarger) index[output] = candidate;
  });
  return { y: index.map((at) => x[at] ?? 0), index };
}
