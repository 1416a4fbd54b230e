/** 2-D convolution and its gradients in float64: the definition, tap by tap. */
import { type AnyConv2dShape, generalShape, outputExtents, sizesOf } from "./shape.ts";

/** Calls `visit` for every output pixel and tap that meet the image: elements of y and x at channel 0, and the tap's number. */
function forEachTap(shape: AnyConv2dShape, visit: (y: number, x: number, tap: number) => void): void {
  const { n, h, w, ci, co, kh, kw, ...general } = generalShape(shape);
  const { strideH, strideW, dilationH, dilationW, paddingH, paddingW } = general;
  const { ho, wo } = outputExtents(shape);
  for (let pixel = 0; pixel < n * ho * wo; pixel++) {
    const top = (Math.floor(pixel / wo) % ho) * strideH - paddingH;
    const left = (pixel % wo) * strideW - paddingW;
    const image = Math.floor(pixel / (ho * wo));
    for (let tap = 0; tap < kh * kw; tap++) {
      const iy = top + Math.floor(tap / kw) * dilationH;
      const ix = left + (tap % kw) * dilationW;
      if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
      visit(pixel * co, ((image * h + iy) * w + ix) * ci, tap);
    }
  }
}

/** Calls `visit` for each output channel: where its taps' weights start, and the first of the `depth` input channels that it sees. */
function forEachOutput(
  shape: AnyConv2dShape,
  tap: number,
  visit: (output: number, weights: number, first: number, depth: number) => void,
): void {
  const { ci, co, kh, kw, groups } = generalShape(shape);
  const depth = ci / groups;
  for (let output = 0; output < co; output++)
    visit(output, (output * kh * kw + tap) * depth, Math.floor((output * groups) / co) * depth, depth);
}

/** Float64 copies: reading those in the inner loops is faster than converting there. */
const wide = (values: ArrayLike<number>) => Float64Array.from(values);

/** y of x and weight, without a bias. */
export function conv2dForwardReference(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  shape: AnyConv2dShape,
): Float64Array {
  const [input, filter, y] = [wide(x), wide(weight), new Float64Array(sizesOf(shape).y)];
  forEachTap(shape, (iy, ix, tap) => {
    forEachOutput(shape, tap, (output, row, first, depth) => {
      let sum = 0;
      for (let c = 0; c < depth; c++) sum += input[ix + first + c]! * filter[row + c]!;
      y[iy + output]! += sum;
    });
  });
  return y;
}

/** dx of dy and weight. */
export function conv2dInputGradReference(
  dy: ArrayLike<number>,
  weight: ArrayLike<number>,
  shape: AnyConv2dShape,
): Float64Array {
  const [gradient, filter, dx] = [wide(dy), wide(weight), new Float64Array(sizesOf(shape).x)];
  forEachTap(shape, (iy, ix, tap) => {
    forEachOutput(shape, tap, (output, row, first, depth) => {
      for (let c = 0; c < depth; c++) dx[ix + first + c]! += gradient[iy + output]! * filter[row + c]!;
    });
  });
  return dx;
}

/** The gradient of the weight, of x and dy. */
export function conv2dWeightGradReference(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  shape: AnyConv2dShape,
): Float64Array {
  const [input, gradient, dweight] = [wide(x), wide(dy), new Float64Array(sizesOf(shape).weight)];
  forEachTap(shape, (iy, ix, tap) => {
    forEachOutput(shape, tap, (output, row, first, depth) => {
      for (let c = 0; c < depth; c++) dweight[row + c]! += gradient[iy + output]! * input[ix + first + c]!;
    });
  });
  return dweight;
}
