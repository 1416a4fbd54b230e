import { launchBinary } from "../../kernels/binary.ts";
import { fill } from "../../kernels/elementwise.ts";
import { launchMax, launchSum, maxBackward, placeAlongAxis } from "../../kernels/reduce.ts";
import { requireOptions } from "../kind.ts";
import { normalizeAxes, type Shape, sizeOf } from "../shape.ts";
import { record } from "../tape.ts";
import { quads, type Tensor } from "../tensor.ts";
import { requireFloat } from "./check.ts";

/** Which axes are reduced. */
export interface ReduceOptions {
  /** What is reduced; negative numbers count from the end. All axes by default. */
  readonly axes?: number | readonly number[];
  /** Whether reduced axes stay, with extent 1. */
  readonly keepDims?: boolean;
}

/**
 * Sum over axes, `y = sum(x)`, in a fixed order: the relative error for 1e7 positive elements is below 1e-6.
 *
 * Gradient: `dx = dy`, repeated along the reduced axes.
 * @param x any shape
 * @returns x's shape without the axes; `[]` for all of them
 * @throws Error for an axis that x lacks
 */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return scaledSum("sum", x, options, () => 1);
}

/**
 * Mean over axes, `y = sum(x) / count`. Arguments, result and errors as `sum`.
 *
 * Gradient: `dx = dy / count`.
 */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return scaledSum("mean", x, options, (count) => count);
}

/**
 * Maximum over axes. NaN counts as the largest. Arguments, result and errors as `sum`.
 *
 * Gradient: dy at the first maximum in row-major order (as Chainer's max-pooling), 0 elsewhere, also at later equal elements.
 */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  const { axes, shape } = resolve("max", x, options);
  const y = x.gpu.empty(shape);
  const index = x.gpu.temporary(shape, "u32");
  launchMax(x.device, { x, y, index, shape: x.shape, axes });
  return record("max", y, [x], {
    temporaries: [index],
    backward: (dy, gradients) =>
      gradients.into(x, (dx) => {
        fill(x.device, { y: dx, n: quads(x), value: 0 });
        maxBackward(x.device, { dy, index, dx, n: dy.size });
      }),
  });
}

/**
 * Where along an axis the maximum stands: the first where several are equal. NaN counts as the largest. No gradient.
 * @param x any shape
 * @param options `axis` may be negative; without it x is taken as flat. `keepDims`: whether the axis stays, with extent 1
 * @returns i32, x's shape without the axis; `[]` without one
 * @throws Error for an axis that x lacks
 */
export function argmax(
  x: Tensor,
  options: { readonly axis?: number; readonly keepDims?: boolean } = {},
): Tensor {
  requireFloat("argmax", "x", x);
  requireOptions("argmax", options);
  refuseName("argmax", options, "axes", "axis");
  const { axis, keepDims = false } = options;
  normalizeAxes("argmax", x.shape, axis, "axis");
  const { axes, shape } = resolve("argmax", x, axis === undefined ? { keepDims } : { axes: axis, keepDims });
  const [y, index] = [x.gpu.temporary(shape), x.gpu.temporary(shape, "u32")];
  launchMax(x.device, { x, y, index, shape: x.shape, axes });
  const place = x.gpu.empty(shape, "i32");
  const stride = axis === undefined ? 1 : sizeOf(x.shape.slice((axes[0] ?? 0) + 1));
  placeAlongAxis(x.device, { index, place, n: place.size, stride, extent: x.size / sizeOf(shape) });
  y.claim.release("argmax");
  index.claim.release("argmax");
  return place;
}

function scaledSum(
  op: string,
  x: Tensor,
  options: ReduceOptions,
  divisorOf: (count: number) => number,
): Tensor {
  const { axes, shape, keptShape } = resolve(op, x, options);
  const y = x.gpu.empty(shape);
  const divisor = divisorOf(x.size / sizeOf(shape));
  launchSum(x.device, { x, y, shape: x.shape, axes, divisor });
  return record(op, y, [x], {
    backward: (dy, gradients) =>
      gradients.into(x, (dx) => {
        const { buffer, byteOffset, byteLength } = dy;
        launchBinary(x.device, "div", { buffer, byteOffset, byteLength, shape: keptShape }, divisor, dx);
      }),
  });
}

function resolve(op: string, x: Tensor, options: ReduceOptions) {
  requireFloat(op, "x", x);
  requireOptions(op, options);
  refuseName(op, options, "axis", "axes");
  const { axes: chosen, keepDims = false } = options;
  const axes = normalizeAxes(op, x.shape, chosen);
  const keptShape: Shape = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  const shape = keepDims ? keptShape : x.shape.filter((_, axis) => !axes.includes(axis));
  return { axes, shape, keptShape };
}

/** The sum over `axis` would be that of everything. @throws Error if the options have the other name */
function refuseName(op: string, options: object, wrong: string, right: string): void {
  if (wrong in options) throw new Error(`[${op}] has no option '${wrong}'; it's called '${right}' here`);
}
