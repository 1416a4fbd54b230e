/** Shapes: row-major lists of extents, `[]` for a scalar. */
import { requireArray } from "./kind.ts";

/** Extents of the axes, from the slowest to the fastest; `[]` for a scalar. */
export type Shape = readonly number[];

/** The number of elements. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** @throws Error unless every extent is a positive integer */
export function checkShape(op: string, shape: Shape): void {
  requireArray(op, "shape", shape);
  if (shape.every((extent) => Number.isSafeInteger(extent) && extent > 0)) return;
  throw new Error(`[${op}] 'shape' must hold positive integers, but got ${formatShape(shape)}`);
}

/** The shape that NumPy's rules broadcast both to. @throws Error that names both shapes */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    throw new Error(
      `[${op}] shapes ${formatShape(a)} and ${formatShape(b)} don't broadcast: ` +
        `aligned at the last axis, extents must be equal or 1`,
    );
  });
}

/** Axes as sorted, non-negative numbers; all of them by default. `name` is what errors call them. @throws Error for an axis that the shape lacks or a repeated one */
export function normalizeAxes(
  op: string,
  shape: Shape,
  axes?: number | readonly number[],
  name = "axes",
): number[] {
  const list = axes === undefined ? shape.map((_, axis) => axis) : typeof axes === "number" ? [axes] : axes;
  const normal = list.map((axis) => (axis < 0 ? axis + shape.length : axis)).sort((a, b) => a - b);
  const wrong = normal.some(
    (axis, k) => !Number.isInteger(axis) || axis < 0 || axis >= shape.length || axis === normal[k - 1],
  );
  if (wrong) {
    throw new Error(
      `[${op}] '${name}' must name different axes of ${formatShape(shape)}, but got ${formatShape(list)}`,
    );
  }
  return normal;
}
