import { requireArray, requireOptions } from "../kind.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import { record } from "../tape.ts";
import { Tensor } from "../tensor.ts";
import { requireTensor } from "./check.ts";

/**
 * The same elements in row-major order under another shape: a view, nothing is copied.
 *
 * Gradient: dy in x's shape.
 * @param x any shape and type
 * @param shape as many elements as x; one extent may be -1 and follows from the others
 * @throws Error if the numbers of elements differ
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  requireTensor("reshape", "x", x);
  requireArray("reshape", "shape", shape);
  return viewAs("reshape", x, resolve(x, shape));
}

/**
 * Merges the axes from `startAxis` on, 1 by default: `[N, H, W, C]` -> `[N, H W C]`. A view, nothing is copied.
 * @throws Error for an axis that x lacks
 */
export function flatten(x: Tensor, options: { readonly startAxis?: number } = {}): Tensor {
  requireTensor("flatten", "x", x);
  requireOptions("flatten", options);
  const { startAxis = 1 } = options;
  const start = startAxis < 0 ? startAxis + x.shape.length : startAxis;
  if (!Number.isInteger(start) || start < 0 || start > Math.max(0, x.shape.length - 1)) {
    throw new Error(
      `[flatten] 'startAxis' must be an axis of x ${formatShape(x.shape)}, but got ${startAxis}; ` +
        `use ${-x.shape.length} to ${x.shape.length - 1}`,
    );
  }
  return viewAs("flatten", x, [...x.shape.slice(0, start), sizeOf(x.shape.slice(start))]);
}

function viewAs(op: string, x: Tensor, shape: Shape): Tensor {
  const y = new Tensor(x.gpu, x.storage, shape, x.dtype);
  return record(op, y, [x], {
    backward: (dy, gradients) => {
      const dx = new Tensor(dy.gpu, dy.storage, x.shape, dy.dtype);
      gradients.pass(x, dx);
      dx.claim.release("backward()");
    },
  });
}

function resolve(x: Tensor, shape: Shape): Shape {
  const known = sizeOf(shape.filter((extent) => extent !== -1));
  const resolved = shape.map((extent) => (extent === -1 ? x.size / known : extent));
  const isRight =
    resolved.every((extent) => Number.isInteger(extent) && extent > 0) &&
    shape.filter((extent) => extent === -1).length <= 1 &&
    sizeOf(resolved) === x.size;
  if (isRight) return resolved;
  throw new Error(
    `[reshape] 'shape' must hold ${x.size} elements to match x ${formatShape(x.shape)}, but got ${formatShape(shape)}; ` +
      "one extent may be -1",
  );
}
