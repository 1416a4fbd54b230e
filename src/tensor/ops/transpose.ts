import { launchTranspose, permuted } from "../../kernels/transpose.ts";
import { requireArray } from "../kind.ts";
import { formatShape } from "../shape.ts";
import { record } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor } from "./check.ts";

/**
 * Permutes axes: axis k of the result is axis `permutation[k]` of x. Elements are copied.
 *
 * Gradient: dy permuted back.
 * @param x any shape and type
 * @param permutation every axis once, negative numbers count from the end; reverses the axes by default
 * @throws Error if it isn't a permutation of x's axes
 */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  requireTensor("transpose", "x", x);
  if (permutation) requireArray("transpose", "permutation", permutation);
  const rank = x.shape.length;
  const order = (permutation ?? x.shape.map((_, axis) => rank - 1 - axis)).map((axis) =>
    axis < 0 ? axis + rank : axis,
  );
  if (order.length !== rank || !x.shape.every((_, axis) => order.includes(axis))) {
    throw new Error(
      `[transpose] 'permutation' must name each axis of x ${formatShape(x.shape)} once, but got ${formatShape(permutation ?? [])}`,
    );
  }
  const y = x.gpu.empty(permuted(x.shape, order), x.dtype);
  launchTranspose(x.device, { x, y, shape: x.shape, permutation: order });
  return record("transpose", y, [x], {
    backward: (dy, gradients) =>
      gradients.into(x, (dx) => {
        const back = x.shape.map((_, axis) => order.indexOf(axis));
        launchTranspose(x.device, { x: dy, y: dx, shape: dy.shape, permutation: back });
      }),
  });
}
