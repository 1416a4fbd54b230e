/** 2-D convolution and its gradients in float64: the definition, tap by tap. */
import { type Conv2dShape, outputExtents, sizesOf } from "./shape.ts";

/** Calls `visit` for every output pixel and tap that meet the image: elements of y and x at channel 0, and the tap's number. */
function forEachTap(shape: Conv2dShape, visit: (y: number, x: number, tap: number) => void): void {
  const { n, h, w, ci, co, kh, kw, stride, paddingH, paddingW } = shape;
  const { ho, wo } = outputExtents(shape);
  for (let pixel = 0; pixel < n * ho * wo; pixel++) {
    const top = (Math.floor(pixel / wo) % ho) * stride - paddingH;
    const left = (pixel % wo) * stride - paddingW;
    const image = Math.floor(pixel / (ho * wo));
    for (let tap = 0; tap < kh * kw; tap++) {
      const iy = top + Math.floor(tap / kw);
      const ix = left + (tap % kw);
      if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
      visit(pixel * co, ((image * h + iy) * w + ix) * ci, tap);
    }
  }
}

/** Float64 copies: reading those in the inner loops is faster than converting there. */
const wide = (values: ArrayLike<number>) => Float64Array.from(values);

export function conv2dForwardReference(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  shape: Conv2dShape,
): Float64Array {
  const { ci, co, kh, kw } = shape;
  const [input, filter, y] = [wide(x), wide(weight), new Float64Array(sizesOf(shape).y)];
  forEachTap(shape, (iy, ix, tap) => {
    for (let output = 0; output < co; output++) {
      const row = (output * kh * kw + tap) * ci;
      let sum = 0;
      for (let c = 0; c < ci; c++) sum += input[ix + c]! * filter[row + c]!;
      y[iy + output]! += sum;
    }
  });
  return y;
}

export function conv2dInputGradReference(
  dy: ArrayLike<number>,
  weight: ArrayLike<number>,
  shape: Conv2dShape,
): Float64Array {
  const { ci, co, kh, kw } = shape;
  const [gradient, filter, dx] = [wide(dy), wide(weight), new Float64Array(sizesOf(shape).x)];
  forEachTap(shape, (iy, ix, tap) => {
    for (let output = 0; output < co; output++) {
      const row = (output * kh * kw + tap) * ci;
      for (let c = 0; c < ci; c++) dx[ix + c]! += gradient[iy + output]! * filter[row + c]!;
    }
  });
  return dx;
}

export function conv2dWeightGradReference(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  shape: Conv2dShape,
): Float64Array {
  const { ci, co, kh, kw } = shape;
  const [input, gradient, dweight] = [wide(x), wide(dy), new Float64Array(sizesOf(shape).weight)];
  forEachTap(shape, (iy, ix, tap) => {
    for (let output = 0; output < co; output++) {
      const row = (output * kh * kw + tap) * ci;
      for (let c = 0; c < ci; c++) dweight[row + c]! += gradient[iy + output]! * input[ix + c]!;
    }
  });
  return dweight;
}
