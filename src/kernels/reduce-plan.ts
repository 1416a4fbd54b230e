/** How a reduction over any axes is split into passes over [outer, reduced, inner]; see `reduce.ts`. */

/** One pass: [outer, reduced, inner] -> [outer, slices, inner], each output from every `slices`-th row. */
export interface Pass {
  readonly outer: number;
  readonly reduced: number;
  readonly inner: number;
  readonly slices: number;
  /** Elements that exist: the last row may be shorter. */
  readonly size: number;
}

const mostRowsAtOnce = 256;
const rowsPerSlice = 128;

/**
 * The passes, each of which reduces the previous one's output; at least one, also where nothing is to be reduced.
 * @param axes sorted, without repetition
 * @param byQuads a long contiguous run is first reduced to four columns, which vec4 loads can read
 */
export function planPasses(shape: readonly number[], axes: readonly number[], byQuads: boolean): Pass[] {
  const passes: Pass[] = [];
  const left = [...shape];
  // From the last group of adjacent axes to the first, so that the groups before keep their places.
  let end = shape.length;
  while (end > 0) {
    let start = end - 1;
    const isReduced = axes.includes(start);
    while (start > 0 && axes.includes(start - 1) === isReduced) start--;
    if (isReduced) {
      const reduced = product(left.slice(start, end));
      if (reduced > 1)
        passes.push(...planGroup(product(left.slice(0, start)), reduced, product(left.slice(end)), byQuads));
      left.fill(1, start, end);
    }
    end = start;
  }
  const size = product(shape);
  return passes.length > 0 ? passes : [{ outer: 1, reduced: 1, inner: size, slices: 1, size }];
}

function planGroup(outer: number, reduced: number, inner: number, byQuads: boolean): Pass[] {
  const contiguous = byQuads && inner === 1 && reduced >= 64 && (outer === 1 || reduced % 4 === 0);
  if (!contiguous) return slice(outer, reduced, inner, outer * reduced * inner);
  return [...slice(outer, Math.ceil(reduced / 4), 4, outer * reduced), ...slice(outer, 4, 1, outer * 4)];
}

function slice(outer: number, reduced: number, inner: number, size: number): Pass[] {
  if (reduced <= mostRowsAtOnce) return [{ outer, reduced, inner, slices: 1, size }];
  const slices = Math.ceil(reduced / rowsPerSlice);
  return [{ outer, reduced, inner, slices, size }, ...slice(outer, slices, inner, outer * slices * inner)];
}

/** The elements that a pass leaves. */
export function outputSize({ outer, slices, inner }: Pass): number {
  return outer * slices * inner;
}

function product(extents: readonly number[]): number {
  return extents.reduce((total, extent) => total * extent, 1);
}
