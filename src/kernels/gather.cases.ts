import { type KernelCase, noise, view } from "./cases.ts";
import { gatherReference } from "./gather.reference.ts";
import {
  gatherBatch,
  gatherImagesFirst,
  gatherImagesNext,
  gatherLabels,
  normalizationTable,
} from "./gather.ts";

interface Shape {
  readonly count: number;
  readonly batch: number;
  readonly position: number;
  readonly words: number;
  readonly channels: number;
  /** The first image of each chunk after the first. */
  readonly splits?: readonly number[];
  readonly normalised?: boolean;
  readonly bench?: boolean;
}

const shapes: Shape[] = [
  { count: 1, batch: 1, position: 0, words: 1, channels: 1 },
  { count: 7, batch: 3, position: 2, words: 5, channels: 3 },
  { count: 7, batch: 7, position: 11, words: 6, channels: 3, splits: [3], normalised: true },
  { count: 5, batch: 4, position: 8, words: 5, channels: 4, splits: [1, 4], normalised: true },
  { count: 67, batch: 65, position: 100, words: 7, channels: 2, splits: [32, 66], normalised: true },
  { count: 131, batch: 64, position: 131, words: 768, channels: 3, splits: [100] },
  { count: 1000, batch: 128, position: 1900, words: 768, channels: 3, splits: [873], bench: true },
];

/** Two epochs' orders, one after the other, as the data set keeps them. */
function makeOrder(count: number): Uint32Array<ArrayBuffer> {
  const shuffled = (seed: number) => {
    const keys = noise(count, seed);
    return Array.from(keys.keys()).sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0));
  };
  return Uint32Array.from([...shuffled(3), ...shuffled(4)]);
}

export const gatherCases: KernelCase[] = shapes.map((shape) => {
  const { count, batch, position, words, channels, splits = [], normalised = false, bench = false } = shape;
  const bytes = Uint8Array.from(noise(count * words * 4, 1), (value) => Math.floor((value + 1) * 128));
  const labels = Int32Array.from({ length: count }, (_, k) => (k * 37) % 100);
  const order = makeOrder(count);
  const mean = Array.from({ length: channels }, (_, c) => (normalised ? 0.4 + 0.05 * c : 0));
  const std = Array.from({ length: channels }, (_, c) => (normalised ? 0.2 + 0.03 * c : 1));
  const starts = [0, ...splits];
  const chunks = starts.map((first, k) => ({ first, count: (starts[k + 1] ?? count) - first }));
  const pixelInputs = () =>
    chunks.map((chunk, k): [string, Uint32Array<ArrayBuffer>] => {
      const from = chunk.first * words * 4;
      return [`pixels${k}`, new Uint32Array(bytes.slice(from, from + chunk.count * words * 4).buffer)];
    });
  return {
    name: `gather ${batch} of ${count} from ${position}, ${words} words, ${channels} channels, ${chunks.length} chunks`,
    covers: [gatherImagesFirst, gatherImagesNext, gatherLabels],
    inputs: () => ({
      ...Object.fromEntries(pixelInputs()),
      all: labels,
      order,
      position: new Uint32Array([position]),
      table: normalizationTable(mean, std),
    }),
    outputs: { images: batch * words * 4, labels: batch, position: 1 },
    types: { labels: "i32", position: "u32" },
    launch: (device, views) =>
      gatherBatch(device, {
        chunks: chunks.map((chunk, k) => ({ ...chunk, pixels: view(views, `pixels${k}`) })),
        allLabels: view(views, "all"),
        order: view(views, "order"),
        orderLength: order.length,
        position: view(views, "position"),
        table: view(views, "table"),
        batch,
        imageWords: words,
        channels,
        images: view(views, "images"),
        labels: view(views, "labels"),
      }),
    reference: () =>
      gatherReference({ bytes, labels, order, position, batch, imageBytes: words * 4, mean, std }),
    tolerance: { relative: 3e-7, why: "scale and offset are rounded to f32, then a product and a sum" },
    bench,
    bytes: batch * words * 20,
  };
});
