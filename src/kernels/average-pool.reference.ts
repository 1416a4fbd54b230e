/** Average-pool in float64, each axis's windows written out as lists of pixels. */

/** What the windows of an axis hold: pixels of the image, and how many places each mean is over. */
export interface AxisReference {
  readonly length: number;
  readonly windows: readonly { readonly pixels: readonly number[]; readonly count: number }[];
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, k) => from + k);

/** Windows of `size` at every `stride`, the image padded by `padding` on both sides. */
export function fixedAxisReference(
  length: number,
  size: number,
  stride: number,
  padding: number,
  countIncludePad: boolean,
): AxisReference {
  const windows = [];
  for (let start = -padding; start + size <= length + padding; start += stride) {
    const pixels = range(start, start + size).filter((pixel) => pixel >= 0 && pixel < length);
    windows.push({ pixels, count: countIncludePad ? size : pixels.length });
  }
  return { length, windows };
}

/** `count` windows, the o-th from floor(o length / count) to ceil((o + 1) length / count). */
export function adaptiveAxisReference(length: number, count: number): AxisReference {
  const windows = range(0, count).map((o) => {
    const pixels = range(Math.floor((o * length) / count), Math.ceil(((o + 1) * length) / count));
    return { pixels, count: pixels.length };
  });
  return { length, windows };
}

/** Calls `visit` for each element of y and each element of x in its window, with the element's share of the mean. */
function forEachShare(
  images: number,
  channels: number,
  { height, width }: { height: AxisReference; width: AxisReference },
  visit: (y: number, x: number, share: number) => void,
): void {
  let y = 0;
  for (let image = 0; image < images; image++) {
    for (const rows of height.windows) {
      for (const columns of width.windows) {
        for (let channel = 0; channel < channels; channel++, y++) {
          for (const h of rows.pixels) {
            for (const w of columns.pixels) {
              const x = ((image * height.length + h) * width.length + w) * channels + channel;
              visit(y, x, 1 / (rows.count * columns.count));
            }
          }
        }
      }
    }
  }
}

/** y of x `[images, height, width, channels]`. */
export function averagePoolReference(
  x: ArrayLike<number>,
  images: number,
  channels: number,
  axes: { height: AxisReference; width: AxisReference },
): Float64Array {
  const y = new Float64Array(images * axes.height.windows.length * axes.width.windows.length * channels);
  forEachShare(images, channels, axes, (to, from, share) => {
    y[to] = (y[to] ?? 0) + (x[from] ?? 0) * share;
  });
  return y;
}

/** dx of dy. */
export function averagePoolGradReference(
  dy: ArrayLike<number>,
  images: number,
  channels: number,
  axes: { height: AxisReference; width: AxisReference },
): Float64Array {
  const dx = new Float64Array(images * axes.height.length * axes.width.length * channels);
  forEachShare(images, channels, axes, (from, to, share) => {
    dx[to] = (dx[to] ?? 0) + (dy[from] ?? 0) * share;
  });
  return dx;
}
