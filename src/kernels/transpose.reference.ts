/** Permutation of axes, by coordinates. */
export function transposeReference(
  x: ArrayLike<number>,
  shape: readonly number[],
  permutation: readonly number[],
): Float64Array {
  const target = permutation.map((axis) => shape[axis] ?? 1);
  return Float64Array.from({ length: x.length }, (_, index) => {
    const coordinates: number[] = shape.map(() => 0);
    let rest = index;
    for (let k = target.length - 1; k >= 0; k--) {
      const extent = target[k] ?? 1;
      coordinates[permutation[k] ?? 0] = rest % extent;
      rest = Math.floor(rest / extent);
    }
    return (
      x[shape.reduce((offset, extent, axis) => offset * extent + (coordinates[axis] ?? 0), 0)] ?? Number.NaN
    );
  });
}
