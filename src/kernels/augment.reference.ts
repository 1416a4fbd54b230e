/** Augmenting a batch in float64, the steps one after the other as papers describe them. */
import { augmentDomain, type flipModes } from "./augment.ts";
import { type GatherProblem, gatherReference } from "./gather.reference.ts";
import { philox } from "./philox.ts";

/** What decides how an image is seen in an epoch. */
export interface ViewProblem {
  readonly seed: number;
  readonly epoch: number;
  readonly height: number;
  readonly width: number;
  readonly crop: number;
  readonly flip: keyof typeof flipModes;
  readonly cutout: number;
}

/** What becomes of an image in an epoch: image, down, right, mirrored, top and left of the square. */
export function viewReference(image: number, problem: ViewProblem): number[] {
  const { seed, epoch, height, width, crop, flip, cutout } = problem;
  const words = (purpose: number, when: number) =>
    philox([image, purpose, when, augmentDomain], [seed >>> 0, Math.floor(seed / 2 ** 32)]);
  const scaled = (word: number, range: number) => Math.floor((word * range) / 2 ** 32);
  const [down, right, mirrored] = words(0, epoch);
  const [top, left] = words(1, epoch);
  const flips = { none: 0, random: mirrored >>> 31, alternating: (words(2, 0)[0] + epoch) % 2 };
  return [
    image,
    scaled(down, 2 * crop + 1) - crop,
    scaled(right, 2 * crop + 1) - crop,
    flips[flip],
    scaled(top, height) - Math.floor(cutout / 2),
    scaled(left, width) - Math.floor(cutout / 2),
  ];
}

/** The image `[height, width, channels]` mirrored if asked, padded by reflection, and moved. */
export function translateReference(
  image: ArrayLike<number>,
  [height, width, channels]: readonly [number, number, number],
  { down, right, mirror }: { readonly down: number; readonly right: number; readonly mirror: boolean },
): Float64Array {
  const pad = Math.max(Math.abs(down), Math.abs(right));
  const reflected = (place: number, size: number) => {
    const inside = place < 0 ? -place : place;
    return inside < size ? inside : 2 * (size - 1) - inside;
  };
  const padded = (row: number, column: number, channel: number) => {
    const h = reflected(row - pad, height);
    const w = reflected(column - pad, width);
    return image[(h * width + (mirror ? width - 1 - w : w)) * channels + channel] ?? Number.NaN;
  };
  return Float64Array.from({ length: height * width * channels }, (_, k) => {
    const pixel = Math.floor(k / channels);
    return padded(Math.floor(pixel / width) + pad + down, (pixel % width) + pad + right, k % channels);
  });
}

/** A batch that is gathered and augmented. */
export interface AugmentProblem extends Omit<GatherProblem, "imageBytes">, Omit<ViewProblem, "epoch"> {
  readonly channels: number;
  /** Of the two halves of the order. */
  readonly epochs: readonly [number, number];
}

/** The batch: gathered, then each image translated, then its square set to 0. */
export function augmentReference(problem: AugmentProblem) {
  const { height, width, channels, batch, order, position, epochs, cutout } = problem;
  const imageBytes = height * width * channels;
  const plain = gatherReference({ ...problem, imageBytes });
  const views = Array.from({ length: batch }, (_, k) => {
    const place = (position + k) % order.length;
    const epoch = epochs[place < order.length / 2 ? 0 : 1];
    return viewReference(order[place] ?? 0, { ...problem, epoch });
  });
  const images = views.flatMap(([, down = 0, right = 0, mirrored, top = 0, left = 0], k) => {
    const image = plain.images.subarray(k * imageBytes, (k + 1) * imageBytes);
    const mirror = mirrored === 1;
    return Array.from(
      translateReference(image, [height, width, channels], { down, right, mirror }),
      (value, e) => {
        const [row, column] = [
          Math.floor(e / channels / width) - top,
          (Math.floor(e / channels) % width) - left,
        ];
        return row >= 0 && row < cutout && column >= 0 && column < cutout ? 0 : value;
      },
    );
  });
  return { ...plain, images, views: views.flat() };
}
