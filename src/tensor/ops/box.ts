import { putBox, takeBox } from "../../kernels/box.ts";
import { fill } from "../../kernels/elementwise.ts";
import { requireArray, requireOptions } from "../kind.ts";
import { formatShape, normalizeAxes, type Shape, sameShape } from "../shape.ts";
import { record } from "../tape.ts";
import { quads, type Tensor } from "../tensor.ts";
import { requireFloat, requireTensor } from "./check.ts";

/**
 * A part of x: of each axis the indices from `start` up to `end`, excluded. Negative ones count from the axis' end, as in JavaScript. Copied.
 *
 * Gradient: dy in its place, 0 elsewhere.
 * @param x any shape and type
 * @param start an index for each of the first axes; of the others everything is taken
 * @param end as `start`; the axis' end by default
 * @example slice(x, [0, 2]) // without the first two columns
 * @throws Error for indices that are out of range, or leave nothing
 */
export function slice(x: Tensor, start: readonly number[], end: readonly number[] = []): Tensor {
  requireTensor("slice", "x", x);
  requireArray("slice", "start", start);
  requireArray("slice", "end", end);
  const { shape } = x;
  const fromEnd = (index: number, axis: number) => (index < 0 ? index + (shape[axis] ?? 0) : index);
  const from = shape.map((_, axis) => fromEnd(start[axis] ?? 0, axis));
  const to = shape.map((extent, axis) => fromEnd(end[axis] ?? extent, axis));
  const isRight = shape.every((extent, axis) => {
    const [first = 0, last = 0] = [from[axis], to[axis]];
    return Number.isInteger(first) && Number.isInteger(last) && 0 <= first && first < last && last <= extent;
  });
  if (!isRight || Math.max(start.length, end.length) > shape.length) {
    throw new Error(
      `[slice] 'start' and 'end' must be indices within x ${formatShape(shape)} with something between them, but got ` +
        `${formatShape(start)} and ${formatShape(end)}`,
    );
  }
  const size = to.map((last, axis) => last - (from[axis] ?? 0));
  const y = x.gpu.empty(size, x.dtype);
  takeBox(x.device, { whole: x, box: y, shape, start: from, size });
  return record("slice", y, [x], {
    backward: (dy, gradients) => gradients.into(x, (dx) => place(dy, dx, from, 0)),
  });
}

/**
 * Tensors one after the other along an axis.
 *
 * Gradient: of each tensor its part of dy.
 * @param tensors of one type, and of one shape but for the axis
 * @throws Error for an axis that they lack, shapes or types that differ, or no tensors
 */
export function concat(tensors: readonly Tensor[], options: { readonly axis?: number } = {}): Tensor {
  requireArray("concat", "tensors", tensors);
  requireOptions("concat", options);
  const { axis: chosen = 0 } = options;
  const [first] = tensors;
  if (!first) throw new Error("[concat] 'tensors' must hold at least one tensor, but is empty");
  tensors.forEach((x, k) => {
    requireTensor("concat", `tensors[${k}]`, x);
  });
  const [axis = 0] = normalizeAxes("concat", first.shape, chosen, "axis");
  const joined = (x: Tensor, extent: number): Shape => x.shape.map((own, k) => (k === axis ? extent : own));
  tensors.forEach((x, k) => {
    if (x.dtype === first.dtype && sameShape(joined(x, 0), joined(first, 0))) return;
    throw new Error(
      `[concat] 'tensors[${k}]' must be ${first.dtype} like the first and have its shape ${formatShape(first.shape)} but for axis ${axis}, ` +
        `but is ${x.dtype} ${formatShape(x.shape)}`,
    );
  });
  let total = 0;
  const parts = tensors.map((x) => {
    const start = x.shape.map((_, k) => (k === axis ? total : 0));
    total += x.shape[axis] ?? 0;
    return { x, start };
  });
  const y = first.gpu.empty(joined(first, total), first.dtype);
  for (const { x, start } of parts)
    putBox(x.device, { whole: y, box: x, shape: y.shape, start, size: x.shape });
  return record("concat", y, tensors, {
    backward: (dy, gradients) => {
      for (const { x, start } of parts)
        gradients.into(x, (dx) =>
          takeBox(x.device, { whole: dy, box: dx, shape: dy.shape, start, size: x.shape }),
        );
    },
  });
}

/**
 * x with a border of one value.
 *
 * Gradient: dy without the border.
 * @param x f32, any shape
 * @param widths `[before, after]` for each of the first axes; the others get none
 * @example pad(images, [[0, 0], [1, 1], [1, 1]]) // a pixel all around [N, H, W, C]
 * @throws Error for widths that aren't counts, or of more axes than x has
 */
export function pad(
  x: Tensor,
  widths: readonly (readonly [before: number, after: number])[],
  { value = 0 }: { readonly value?: number } = {},
): Tensor {
  requireFloat("pad", "x", x);
  const isRight = widths.flat().every((width) => Number.isSafeInteger(width) && width >= 0);
  if (!isRight || widths.length > x.shape.length) {
    throw new Error(
      `[pad] 'widths' must be [before, after], 0 or more, for the axes of x ${formatShape(x.shape)}, but got ${JSON.stringify(widths)}`,
    );
  }
  const start = x.shape.map((_, axis) => widths[axis]?.[0] ?? 0);
  const y = x.gpu.empty(
    x.shape.map((extent, axis) => (start[axis] ?? 0) + extent + (widths[axis]?.[1] ?? 0)),
  );
  place(x, y, start, value);
  return record("pad", y, [x], {
    backward: (dy, gradients) =>
      gradients.into(x, (dx) =>
        takeBox(x.device, { whole: dy, box: dx, shape: dy.shape, start, size: x.shape }),
      ),
  });
}

/** whole = box from `start` on, and `value` around it. */
function place(box: Tensor, whole: Tensor, start: readonly number[], value: number): void {
  fill(box.device, { y: whole, n: quads(whole), value });
  putBox(box.device, { whole, box, shape: whole.shape, start, size: box.shape });
}
