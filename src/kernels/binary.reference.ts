/** Broadcasting arithmetic in float64. */
import { broadcastStrides } from "./strides.ts";

const operations = {
  add: (a: number, b: number) => a + b,
  sub: (a: number, b: number) => a - b,
  mul: (a: number, b: number) => a * b,
  div: (a: number, b: number) => a / b,
  maximum: Math.max,
  share: (a: number, b: number) => (a < b ? 0 : a === b ? 0.5 : 1),
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
  const aAt = broadcastIndex(aShape, shape);
  const bAt = broadcastIndex(bShape, shape);
  const size = shape.reduce((product, extent) => product * extent, 1);
  return Float64Array.from({ length: size }, (_, index) =>
    operations[operation](a[aAt(index)] ?? Number.NaN, b[bAt(index)] ?? Number.NaN),
  );
}

/** Which element of a tensor of `from` stands at an element of `shape`, to which it's broadcast. */
export function broadcastIndex(from: readonly number[], shape: readonly number[]): (index: number) => number {
  const strides = broadcastStrides(from, shape);
  return (index) => {
    let rest = index;
    let offset = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const extent = shape[axis] ?? 1;
      offset += (rest % extent) * (strides[axis] ?? 0);
      rest = Math.floor(rest / extent);
    }
    return offset;
  };
}
