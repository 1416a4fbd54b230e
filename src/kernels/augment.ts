/**
 * Makes an augmented batch: gathers, normalises, moves and mirrors images and cuts squares out of them, in the one pass over memory that
 * gathering takes (see `gather.ts`, whose order, position, chunks and table are used here too).
 *
 * A small kernel first draws what becomes of each image of the batch, its *view*: six integers, so that neither the chunks' launches
 * nor the words of an image draw again. Draws come from Philox, keyed by the seed, its counter (image, purpose, epoch, domain): what
 * an image looks like depends on nothing else, not on its batch or what ran before. The epochs of the order's two halves lie on the GPU
 * beside it, so a replayed step draws what belongs to the epoch it reached, also in a batch that wraps.
 *
 * With down, right and mirrored from the view, y[h, w] = x[reflect(h + down), c], c = reflect(w + right), or W - 1 - c where mirrored: the
 * image is mirrored, then moved. `reflect` leaves out the edge: -1 is row 1. Consecutive bytes of a row don't come from one word, so an
 * invocation loads a word for each byte of its own; places follow by counting on from the first, since division is slow.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";
import { type GatherArguments, gatherLabels } from "./gather.ts";
import { philoxWgsl } from "./philox.ts";

/** Integers of a view: image, down, right, mirrored (0 or 1), top and left of the square that is cut out. */
export const viewSize = 6;

/** `fn reflect(place: i32, size: i32) -> i32`: into 0 to size - 1, for places less than a size away. */
export const reflectWgsl = wgsl`
  fn reflect(place: i32, size: i32) -> i32 {
    let positive = abs(place);
    return min(positive, 2 * (size - 1) - positive);
  }`;

/** Keeps these draws apart from others that use the same seed: "augm". */
export const augmentDomain = 0x6175676d;

/** How mirroring is decided. */
export const flipModes = { none: 0, random: 1, alternating: 2 } as const;

/**
 * Draws the views of a batch. A word of 32 bits scaled to a range by its high product is uniform to 2^-32. Purposes: 0 an epoch's crop
 * and its flip, 1 an epoch's square, 2 the first flip of images that alternate.
 */
export const drawViews = kernel("draw_views", {
  read: { order: "u32", position: "u32", epochs: "u32" },
  write: { views: "i32" },
  params: {
    n: "u32",
    order_length: "u32",
    seed_low: "u32",
    seed_high: "u32",
    height: "u32",
    width: "u32",
    crop: "u32",
    cutout: "u32",
    flip: "u32",
  },
  constants: { domain: augmentDomain, view_size: viewSize },
  declarations: philoxWgsl,
  body: wgsl`
    if (i >= params.n) { return; }
    let place = (position[0] + i) % params.order_length;
    let image = order[place];
    let epoch = epochs[2u * place / params.order_length];
    let key = vec2u(params.seed_low, params.seed_high);
    let words = philox(vec4u(image, 0u, epoch, domain), key);
    let square = philox(vec4u(image, 1u, epoch, domain), key);
    let first_flip = philox(vec4u(image, 2u, 0u, domain), key);
    let flips = vec3u(0u, words.z >> 31u, (first_flip.x + epoch) & 1u);
    let range = 2u * params.crop + 1u;
    let at = view_size * i;
    views[at] = i32(image);
    views[at + 1u] = i32(multiply_high(words.x, range)) - i32(params.crop);
    views[at + 2u] = i32(multiply_high(words.y, range)) - i32(params.crop);
    views[at + 3u] = i32(flips[params.flip]);
    views[at + 4u] = i32(multiply_high(square.x, params.height)) - i32(params.cutout / 2u);
    views[at + 5u] = i32(multiply_high(square.y, params.width)) - i32(params.cutout / 2u);`,
});

const imageReads = { pixels: "u32", views: "i32", table: "scalar" } as const;
const imageParams = {
  /** Words of the batch. */
  n: "u32",
  image_words: "u32",
  height: "u32",
  width: "u32",
  channels: "u32",
  cutout: "u32",
  /** Of this chunk, in images. */
  first: "u32",
  count: "u32",
} as const;

/** Writes word `i` if its image is in the chunk; `elsewhere` is what is done with others. */
const gatherViewed = (elsewhere: string) => wgsl`
    let slot = i / params.image_words;
    let at = view_size * slot;
    let place = u32(views[at]) - params.first;
    if (place < params.count) {
      let down = views[at + 1u];
      let right = views[at + 2u];
      let mirrored = views[at + 3u] == 1;
      let top = views[at + 4u];
      let left = views[at + 5u];
      let height = i32(params.height);
      let width = i32(params.width);
      let byte = 4u * (i - slot * params.image_words);
      let pixel = byte / params.channels;
      var channel = byte - pixel * params.channels;
      var row = i32(pixel / params.width);
      var column = i32(pixel) - row * width;
      var values = quad();
      for (var k = 0u; k < 4u; k++) {
        let moved = reflect(column + right, width);
        let place_in_image = reflect(row + down, height) * width + select(moved, width - 1 - moved, mirrored);
        let source = u32(place_in_image) * params.channels + channel;
        let value = (pixels[place * params.image_words + source / 4u] >> (8u * (source % 4u))) & 255u;
        let cut = u32(row - top) < params.cutout && u32(column - left) < params.cutout;
        values[k] = select(scalar(value) * table[channel] + table[4u * params.channels + channel], 0, cut);
        channel += 1u;
        if (channel == params.channels) { channel = 0u; column += 1; }
        if (column == width) { column = 0; row += 1; }
      }
      images[i] = values;
    }${elsewhere}`;

/** The first chunk: writes every image, those of other chunks as zeros. */
export const gatherViewsFirst = kernel("gather_views_first", {
  read: imageReads,
  write: { images: "quad" },
  params: imageParams,
  constants: { view_size: viewSize },
  declarations: reflectWgsl,
  elementwise: true,
  body: gatherViewed(" else { images[i] = quad(0); }"),
});

/** A further chunk: leaves the images of other chunks as they are. */
export const gatherViewsNext = kernel("gather_views_next", {
  read: imageReads,
  update: { images: "quad" },
  params: imageParams,
  constants: { view_size: viewSize },
  declarations: reflectWgsl,
  elementwise: true,
  body: gatherViewed(""),
});

export interface AugmentArguments extends Omit<GatherArguments, "imageWords" | "channels"> {
  /** `[height, width, channels]`. */
  readonly shape: readonly [number, number, number];
  /** u32 `[2]`: the epochs to which the halves of the order belong. */
  readonly epochs: BufferView;
  /** i32 `[batch, viewSize]`: overwritten. */
  readonly views: BufferView;
  /** 0 to 2^53 - 1. */
  readonly seed: number;
  /** Most pixels that an image is moved, less than its sides. */
  readonly crop: number;
  readonly flip: keyof typeof flipModes;
  /** Side of the square that is cut out, in pixels; 0 for none. */
  readonly cutout: number;
}

/** Fills `images` and `labels` with the next batch, augmented. */
export function gatherAugmented(device: Device, args: AugmentArguments): void {
  const { order, position, views, table, images, labels, batch: n, crop, cutout, seed } = args;
  const [height, width, channels] = args.shape;
  const order_length = args.orderLength;
  drawViews(device, {
    order,
    position,
    epochs: args.epochs,
    views,
    n,
    order_length,
    seed_low: seed >>> 0,
    seed_high: Math.floor(seed / 2 ** 32),
    height,
    width,
    crop,
    cutout,
    flip: flipModes[args.flip],
  });
  const image_words = (height * width * channels) / 4;
  const extents = { n: n * image_words, image_words, height, width, channels, cutout };
  for (const { pixels, first, count } of args.chunks) {
    const gather = first === 0 ? gatherViewsFirst : gatherViewsNext;
    gather(device, { pixels, views, table, images, ...extents, first, count });
  }
  gatherLabels(device, { all: args.allLabels, order, labels, position, n, order_length });
}
