/** Choosing between two tensors, with broadcasting. */
import { broadcastIndex } from "./binary.reference.ts";

interface Shaped {
  readonly values: ArrayLike<number>;
  readonly shape: readonly number[];
}

/** y = condition ? a : b, all broadcast to `shape`. */
export function whereReference(
  condition: Shaped,
  a: Shaped,
  b: Shaped,
  shape: readonly number[],
): Float64Array {
  const spread = ({ values, shape: from }: Shaped) => {
    const at = broadcastIndex(from, shape);
    return (index: number) => values[at(index)] ?? Number.NaN;
  };
  const [test, left, right] = [spread(condition), spread(a), spread(b)] as const;
  const size = shape.reduce((product, extent) => product * extent, 1);
  return Float64Array.from({ length: size }, (_, k) => (test(k) !== 0 ? left(k) : right(k)));
}
