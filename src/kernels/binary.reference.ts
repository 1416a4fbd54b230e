/** Broadcasting arithmetic in float64. */
import { broadcastStrides } from "./strides.ts";

const operations = {
  add: (a: number, b: number) => a + b,
  sub: (a: number, b: number) => a - b,
  mul: (a: number, b: number) => a * b,
  div: (a: number, b: number) => a / b,
};

/** y = a op b, both broadcast to `shape`. */
export function binaryReference(
  operation: keyof typeof operations,
  a: ArrayLike<number>,
  aShape: readonly number[],
  b: ArrayLike<number>,
  bShape: readonly number[],
  shape: readonly number[],
): Float64Array {
  const aStrides = broadcastStrides(aShape, shape);
  const bStrides = broadcastStrides(bShape, shape);
  const size = shape.reduce((product, extent) => product * extent, 1);
  return Float64Array.from({ length: size }, (_, index) => {
    let rest = index;
    let aOffset = 0;
    let bOffset = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const extent = shape[axis] ?? 1;
      aOffset += (rest % extent) * (aStrides[axis] ?? 0);
      bOffset += (rest % extent) * (bStrides[axis] ?? 0);
      rest = Math.floor(rest / extent);
    }
    return operations[operation](a[aOffset] ?? Number.NaN, b[bOffset] ?? Number.NaN);
  });
}
