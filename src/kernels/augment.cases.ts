import { augmentReference, translateReference } from "./augment.reference.ts";
import {
  drawViews,
  type flipModes,
  gatherAugmented,
  gatherViewsFirst,
  gatherViewsNext,
  viewSize,
} from "./augment.ts";
import { type KernelCase, noise, values, view } from "./cases.ts";
import { normalizationTable } from "./gather.ts";
import { translateImages } from "./translate.ts";

interface Shape {
  readonly count: number;
  readonly batch: number;
  readonly position: number;
  readonly shape: readonly [number, number, number];
  readonly crop: number;
  readonly flip: keyof typeof flipModes;
  readonly cutout: number;
  /** The first image of each chunk after the first. */
  readonly splits?: readonly number[];
  readonly bench?: boolean;
}

const shapes: Shape[] = [
  { count: 1, batch: 1, position: 0, shape: [1, 4, 1], crop: 0, flip: "none", cutout: 0 },
  { count: 1, batch: 1, position: 1, shape: [4, 1, 1], crop: 0, flip: "random", cutout: 1 },
  { count: 7, batch: 5, position: 5, shape: [3, 4, 1], crop: 2, flip: "alternating", cutout: 3 },
  { count: 7, batch: 7, position: 11, shape: [8, 5, 3], crop: 4, flip: "random", cutout: 2, splits: [3] },
  {
    count: 5,
    batch: 4,
    position: 8,
    shape: [5, 7, 4],
    crop: 3,
    flip: "alternating",
    cutout: 5,
    splits: [1, 4],
  },
  {
    count: 67,
    batch: 65,
    position: 100,
    shape: [6, 2, 7],
    crop: 1,
    flip: "none",
    cutout: 2,
    splits: [32, 66],
  },
  { count: 30, batch: 20, position: 25, shape: [32, 32, 3], crop: 2, flip: "alternating", cutout: 8 },
  {
    count: 1000,
    batch: 500,
    position: 1900,
    shape: [32, 32, 3],
    crop: 2,
    flip: "alternating",
    cutout: 0,
    bench: true,
  },
];
const seed = 5 * 2 ** 32 + 77;
const epochs = [6, 5] as const;

export const augmentCases: KernelCase[] = shapes.map(({ splits = [], bench = false, ...problem }) => {
  const { count, batch, position, shape, crop, flip, cutout } = problem;
  const [height, width, channels] = shape;
  const imageBytes = height * width * channels;
  const bytes = Uint8Array.from(noise(count * imageBytes, 1), (value) => Math.floor((value + 1) * 128));
  const labels = Int32Array.from({ length: count }, (_, k) => (k * 37) % 100);
  const backwards = Array.from({ length: count }, (_, k) => count - 1 - k);
  const order = Uint32Array.from([...backwards.toReversed(), ...backwards]);
  const mean = Array.from({ length: channels }, (_, c) => 0.4 + 0.05 * c);
  const std = Array.from({ length: channels }, (_, c) => 0.2 + 0.03 * c);
  const starts = [0, ...splits];
  const chunks = starts.map((first, k) => ({ first, count: (starts[k + 1] ?? count) - first }));
  return {
    name: `gather_augmented ${batch} of ${count} from ${position}, [${shape}], crop ${crop}, flip ${flip}, cutout ${cutout}, ${chunks.length} chunks`,
    covers: [drawViews, gatherViewsFirst, gatherViewsNext],
    inputs: () => ({
      ...Object.fromEntries(
        chunks.map((chunk, k) => {
          const part = bytes.slice(chunk.first * imageBytes, (chunk.first + chunk.count) * imageBytes);
          return [`pixels${k}`, new Uint32Array(part.buffer)];
        }),
      ),
      all: labels,
      order,
      epochs: new Uint32Array(epochs),
      position: new Uint32Array([position]),
      table: normalizationTable(mean, std),
    }),
    outputs: { images: batch * imageBytes, views: batch * viewSize, labels: batch, position: 1 },
    types: { views: "i32", labels: "i32", position: "u32" },
    launch: (device, views) =>
      gatherAugmented(device, {
        chunks: chunks.map((chunk, k) => ({ ...chunk, pixels: view(views, `pixels${k}`) })),
        allLabels: view(views, "all"),
        order: view(views, "order"),
        orderLength: order.length,
        position: view(views, "position"),
        epochs: view(views, "epochs"),
        table: view(views, "table"),
        views: view(views, "views"),
        images: view(views, "images"),
        labels: view(views, "labels"),
        batch,
        shape,
        seed,
        crop,
        flip,
        cutout,
      }),
    reference: () =>
      augmentReference({
        ...problem,
        height,
        width,
        channels,
        bytes,
        labels,
        order,
        mean,
        std,
        seed,
        epochs,
      }),
    tolerance: { relative: 3e-7, why: "scale and offset are rounded to f32, then a product and a sum" },
    bench,
    bytes: batch * imageBytes * 5,
  };
});

const moves: [shape: [number, number, number, number], down: number, right: number, mirror: boolean][] = [
  [[1, 1, 1, 1], 0, 0, true],
  [[2, 3, 5, 1], -2, 4, false],
  [[3, 4, 3, 3], 3, -2, true],
  [[1, 7, 2, 4], 0, 1, true],
  [[5, 8, 8, 3], 1, 1, false],
];

export const translateCases: KernelCase[] = moves.map(([shape, down, right, mirror]) => {
  const [count, height, width, channels] = shape;
  const size = height * width * channels;
  return {
    name: `translate_images [${shape}] by ${down}, ${right}${mirror ? ", mirrored" : ""}`,
    covers: [translateImages],
    inputs: () => ({ x: noise(count * size) }),
    outputs: { y: count * size },
    launch: (device, views) =>
      translateImages(device, {
        x: view(views, "x"),
        y: view(views, "y"),
        n: count * size,
        height,
        width,
        channels,
        down,
        right,
        mirror: Number(mirror),
      }),
    reference: (inputs) => {
      const x = Float64Array.from(values(inputs, "x"));
      const image = (k: number) => x.subarray(k * size, (k + 1) * size);
      return {
        y: Array.from({ length: count }, (_, k) => [
          ...translateReference(image(k), [height, width, channels], { down, right, mirror }),
        ]).flat(),
      };
    },
    tolerance: "exact",
    bytes: 8 * count * size,
  };
});
