/**
 * Makes a batch from a data set that lies on the GPU as bytes: `y = (byte / 255 - mean) / std`, and the labels beside it.
 *
 * Image k of the batch is `order[(position + k) mod order_length]`. The position lives on the GPU and moves on there, so a
 * recorded step finds the next batch at each replay. Bound by memory: a byte in, a float out.
 *
 * A data set may be larger than a binding (CIFAR-100's training set has 147 MiB, the limit is often 128), so it lies in
 * chunks of whole images and each chunk has a launch of its own, which fills in the images that it holds. That's two launches
 * for CIFAR-100; one launch with a binding for each chunk saves 50 us and works for that number of chunks only.
 *
 * An invocation turns one word (4 bytes) into one vec4. Which channels its bytes belong to depends on the word's number
 * modulo the channels only, so scale and offset come from a table of that many vec4s and not byte by byte. CPU ms of 500 images on
 * lavapipe: 12 elementwise, 16 with an invocation for each word.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";

const imageReads = { pixels: "u32", order: "u32", position: "u32", table: "quad" } as const;
const imageParams = {
  /** Words of the batch. */
  n: "u32",
  image_words: "u32",
  channels: "u32",
  order_length: "u32",
  /** Of this chunk, in images. */
  first: "u32",
  count: "u32",
} as const;

const findPlace = wgsl`
    let word = i % params.image_words;
    let place = order[(position[0] + i / params.image_words) % params.order_length] - params.first;`;

const normalise = wgsl`
    let channel = word % params.channels;
    let packed = pixels[place * params.image_words + word];
    let bytes = quad((vec4u(packed) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u));
    images[i] = bytes * table[channel] + table[params.channels + channel];`;

/** The first chunk: writes every image, those of other chunks as zeros. */
export const gatherImagesFirst = kernel("gather_images_first", {
  read: imageReads,
  write: { images: "quad" },
  params: imageParams,
  elementwise: true,
  body: wgsl`${findPlace}
    if (place >= params.count) { images[i] = quad(0); } else {${normalise}
    }`,
});

/** A further chunk: leaves the images of other chunks as they are. An image of an earlier chunk wraps to a large place. */
export const gatherImagesNext = kernel("gather_images_next", {
  read: imageReads,
  update: { images: "quad" },
  params: imageParams,
  elementwise: true,
  body: wgsl`${findPlace}
    if (place < params.count) {${normalise}
    }`,
});

/** The labels of the batch; then the position moves on. One workgroup, so that none reads the position after it moved. */
export const gatherLabels = kernel("gather_labels", {
  read: { all: "i32", order: "u32" },
  write: { labels: "i32" },
  update: { position: "u32" },
  params: { n: "u32", order_length: "u32" },
  groups: () => 1,
  body: wgsl`
    let start = position[0];
    for (var k = lane; k < params.n; k += 64u) {
      labels[k] = all[order[(start + k) % params.order_length]];
    }
    workgroupBarrier();
    if (lane == 0u) { position[0] = (start + params.n) % params.order_length; }`,
});

/** Whole images, packed four bytes to a word. */
export interface PixelChunk {
  readonly pixels: BufferView;
  /** The index of its first image. */
  readonly first: number;
  readonly count: number;
}

export interface GatherArguments {
  readonly chunks: readonly PixelChunk[];
  /** i32, one an image. */
  readonly allLabels: BufferView;
  /** u32 `[orderLength]`: indices of images. */
  readonly order: BufferView;
  readonly orderLength: number;
  /** u32 `[1]`, below `orderLength`; moves on by `batch`. */
  readonly position: BufferView;
  /** From `normalizationTable`. */
  readonly table: BufferView;
  readonly batch: number;
  readonly imageWords: number;
  readonly channels: number;
  /** f32 `[batch, imageWords * 4]`. */
  readonly images: BufferView;
  /** i32 `[batch]`. */
  readonly labels: BufferView;
}

/** Fills `images` and `labels` with the next batch. */
export function gatherBatch(device: Device, args: GatherArguments): void {
  const { order, position, table, images, labels, batch: n } = args;
  const order_length = args.orderLength;
  for (const { pixels, first, count } of args.chunks) {
    (first === 0 ? gatherImagesFirst : gatherImagesNext)(device, {
      pixels,
      order,
      position,
      table,
      images,
      n: n * args.imageWords,
      image_words: args.imageWords,
      channels: args.channels,
      order_length,
      first,
      count,
    });
  }
  gatherLabels(device, { all: args.allLabels, order, labels, position, n, order_length });
}

/** `[2 * channels]` vec4s: for each word number modulo the channels the scale of its bytes, then the same for the offset. */
export function normalizationTable(
  mean: readonly number[],
  std: readonly number[],
): Float32Array<ArrayBuffer> {
  const channels = mean.length;
  const table = new Float32Array(8 * channels);
  for (let k = 0; k < 4 * channels; k++) {
    const spread = std[k % channels] ?? 1;
    table[k] = 1 / (255 * spread);
    table[4 * channels + k] = -(mean[k % channels] ?? 0) / spread;
  }
  return table;
}
