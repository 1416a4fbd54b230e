/** Numbers as pixels: pictures, filters, activations. */
import type { Planes } from "../protocol.ts";
import { el } from "./dom.ts";

/** A canvas as large as the picture; the style sheet gives it its size on the page. */
export function canvasOf(
  rgba: Uint8ClampedArray<ArrayBuffer>,
  width: number,
  label?: string,
): HTMLCanvasElement {
  const height = rgba.length / 4 / width;
  const canvas = el("canvas", {
    ...{ class: "pixels", width, height },
    ...(label === undefined ? { "aria-hidden": "true" } : { role: "img", "aria-label": label }),
  });
  canvas.getContext("2d")?.putImageData(new ImageData(rgba, width, height), 0, 0);
  return canvas;
}

/** RGB bytes with their alpha. */
export function opaque(rgb: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray((rgb.length / 3) * 4).fill(255);
  for (let pixel = 0; pixel < rgb.length / 3; pixel++) {
    for (let channel = 0; channel < 3; channel++) rgba[pixel * 4 + channel] = rgb[pixel * 3 + channel] ?? 0;
  }
  return rgba;
}

/** What is below 0 in blues, above 0 in oranges, 0 black. Without negative values: black to white. */
export function colourOf(
  value: number,
  { min, max }: Pick<Planes, "min" | "max">,
): readonly [number, number, number] {
  const most = Math.max(Math.abs(min), Math.abs(max));
  if (most === 0 || !Number.isFinite(value)) return Number.isFinite(value) ? [0, 0, 0] : [255, 0, 255];
  const share = Math.min(1, Math.abs(value) / most);
  if (min >= 0) return [255 * share, 255 * share, 255 * share];
  return value < 0 ? [70 * share, 150 * share, 255 * share] : [255 * share, 165 * share, 50 * share];
}

/** One channel of `[height, width, channels]`. */
export function channelPixels(planes: Planes, channel: number): Uint8ClampedArray<ArrayBuffer> {
  const { shape, values } = planes;
  const channels = shape.at(-1) ?? 1;
  return pixelsOf(values.length / channels, (pixel) =>
    colourOf(values[pixel * channels + channel] ?? 0, planes),
  );
}

/** `[features]` as one row of pixels after another, `width` in each. */
export function featurePixels(planes: Planes, width: number): Uint8ClampedArray<ArrayBuffer> {
  const { values } = planes;
  const places = Math.ceil(values.length / width) * width;
  return pixelsOf(places, (place) =>
    place < values.length ? colourOf(values[place] ?? 0, planes) : [0, 0, 0],
  );
}

/** One filter of `[out, height, width, in]`: red, green and blue weights around grey; other counts of channels by their mean. */
export function filterPixels(
  { shape, values, min, max }: Planes,
  filter: number,
): Uint8ClampedArray<ArrayBuffer> {
  const [, height = 1, width = 1, channels = 1] = shape;
  const most = Math.max(Math.abs(min), Math.abs(max)) || 1;
  const grey = (value: number) => 127.5 + (127.5 * value) / most;
  return pixelsOf(height * width, (pixel) => {
    const from = (filter * height * width + pixel) * channels;
    const weights = values.subarray(from, from + channels);
    if (channels === 3) return [grey(weights[0] ?? 0), grey(weights[1] ?? 0), grey(weights[2] ?? 0)];
    const mean = grey(weights.reduce((sum, weight) => sum + weight, 0) / channels);
    return [mean, mean, mean];
  });
}

function pixelsOf(
  count: number,
  colour: (pixel: number) => readonly [number, number, number],
): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(4 * count);
  for (let pixel = 0; pixel < count; pixel++) rgba.set([...colour(pixel), 255], 4 * pixel);
  return rgba;
}
