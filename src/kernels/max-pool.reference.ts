/** Max-pool, written for reading: windows in order, the first maximum wins, NaN is larger than everything. */
import { type MaxPoolSize, maxPoolOutput } from "./max-pool.ts";

/** y, and the index in x of each maximum. */
export function maxPoolReference(
  x: ArrayLike<number>,
  pool: MaxPoolSize,
): { y: Float64Array; from: Int32Array } {
  const { images, height, width, channels, size, stride, padding } = pool;
  const [outHeight, outWidth] = maxPoolOutput(pool);
  const y = new Float64Array(images * outHeight * outWidth * channels);
  const from = new Int32Array(y.length);
  for (let k = 0; k < y.length; k++) {
    const channel = k % channels;
    const out = Math.floor(k / channels) % outWidth;
    const outRow = Math.floor(k / channels / outWidth) % outHeight;
    const image = Math.floor(k / channels / outWidth / outHeight);
    let best: number | undefined;
    const top = outRow * stride[0] - padding[0];
    const left = out * stride[1] - padding[1];
    for (let h = top; h < top + size[0]; h++) {
      for (let w = left; w < left + size[1]; w++) {
        if (h < 0 || h >= height || w < 0 || w >= width) continue;
        const index = ((image * height + h) * width + w) * channels + channel;
        const value = x[index] ?? 0;
        if (best === undefined || value > best || (Number.isNaN(value) && !Number.isNaN(best))) {
          best = value;
          from[k] = index;
        }
      }
    }
    y[k] = best ?? 0;
  }
  return { y, from };
}

/** dx of x and dy: each dy goes to the maximum of its window. */
export function maxPoolGradReference(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  pool: MaxPoolSize,
): Float64Array {
  const dx = new Float64Array(x.length);
  maxPoolReference(x, pool).from.forEach((index, k) => {
    dx[index] = (dx[index] ?? 0) + (dy[k] ?? 0);
  });
  return dx;
}
