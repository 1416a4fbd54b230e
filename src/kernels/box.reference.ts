/** Boxes of tensors, by coordinates. */

interface Placed {
  /** The shape of the whole. */
  readonly shape: readonly number[];
  readonly start: readonly number[];
  /** The shape of the box. */
  readonly size: readonly number[];
}

/** For each element of the box, the one of the whole. */
function placesOf({ shape, start, size }: Placed): number[] {
  const places = (axis: number, before: number): number[] =>
    axis === size.length
      ? [before]
      : Array.from({ length: size[axis] ?? 1 }, (_, k) =>
          places(axis + 1, before * (shape[axis] ?? 1) + (start[axis] ?? 0) + k),
        ).flat();
  return places(0, 0);
}

/** The elements of a box in a tensor. */
export function takeBoxReference(whole: ArrayLike<number>, placed: Placed): number[] {
  return placesOf(placed).map((place) => whole[place] ?? Number.NaN);
}

/** The tensor with a box of its elements replaced. */
export function putBoxReference(
  whole: ArrayLike<number>,
  box: ArrayLike<number>,
  placed: Placed,
): Float64Array {
  const result = Float64Array.from(whole);
  placesOf(placed).forEach((place, k) => {
    result[place] = box[k] ?? Number.NaN;
  });
  return result;
}
