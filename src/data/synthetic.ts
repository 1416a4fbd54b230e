/**
 * A stand-in for CIFAR-100 that needs no download: 100 classes, each one of 10 shapes with one of 10 patterns, drawn at a
 * random place, size, slant and colour on a random background, with noise. Colours say little about the class, so a linear
 * classifier stays weak while a small convolutional network learns it in a few epochs.
 *
 * Equal bytes on every machine: only + - * / and Math.floor, sqrt, min, max, abs, which ECMAScript defines to the last bit
 * (Math.sin and the like it doesn't). Every image has a generator of its own, keyed by seed, split and index, so a smaller
 * set is a prefix of a larger one; and each hundred images hold every class once, so any prefix is balanced.
 */
import type { ImageSet, TrainTest } from "./cifar-binary.ts";
import type { Split } from "./cifar-format.ts";
import { coarseOfFine } from "./coarse-of-fine.ts";

/** How much `syntheticCifar100` draws, and from which seed. */
export interface SyntheticOptions {
  /** Images; default 50,000. */
  readonly trainCount?: number;
  /** Images; default 10,000. */
  readonly testCount?: number;
  /** An integer; default 0. */
  readonly seed?: number;
}

/** Shape coordinates: u to the right, v down; a shape lies within the circle or square of radius 1. */
type Shape = (u: number, v: number) => boolean;
/** The share of the second colour, 0 to 1, at a place in shape coordinates; `random` is 0 to 1, new for each pixel. */
type Pattern = (u: number, v: number, random: number) => number;

const imageBytes = 32 * 32 * 3;
const { floor, sqrt, abs, min, max } = Math;

const shapes: readonly (readonly [string, Shape])[] = [
  ["disc", (u, v) => u * u + v * v < 1],
  ["square", (u, v) => max(abs(u), abs(v)) < 0.85],
  ["triangle", (u, v) => v < 0.8 && abs(u) < (v + 1) * 0.6],
  ["ring", (u, v) => abs(u * u + v * v - 0.65) < 0.35],
  ["plus", (u, v) => min(abs(u), abs(v)) < 0.35 && max(abs(u), abs(v)) < 1],
  ["diamond", (u, v) => abs(u) + abs(v) < 1.1],
  ["saltire", (u, v) => min(abs(u + v), abs(u - v)) < 0.5 && max(abs(u), abs(v)) < 0.9],
  ["crescent", (u, v) => u * u + v * v < 1 && (u - 0.5) * (u - 0.5) + v * v > 0.6],
  ["bars", (u, v) => abs(u) < 0.95 && abs(abs(v) - 0.6) < 0.32],
  ["hourglass", (u, v) => abs(u) < abs(v) + 0.12 && abs(v) < 0.9],
];

const patterns: readonly (readonly [string, Pattern])[] = [
  ["plain", () => 0],
  ["shaded", (_, v) => min(max((v + 1) / 2, 0), 1)],
  ["quartered", (u, v) => (u * v > 0 ? 1 : 0)],
  ["chequered", (u, v) => odd(u * 2.5 + 0.5) ^ odd(v * 2.5 + 0.5)],
  ["speckled", (_u, _v, random) => (random < 0.4 ? 1 : 0)],
  ["banded", (_, v) => odd(v * 3.5 + 0.5)],
  ["striped", (u) => odd(u * 3.5 + 0.5)],
  ["slanted", (u, v) => odd((u + v) * 2.5 + 0.5)],
  ["dotted", (u, v) => (centred(u * 2.2) + centred(v * 2.2) < 0.1 ? 1 : 0)],
  ["ringed", (u, v) => odd(sqrt(u * u + v * v) * 4)],
];

function odd(x: number): number {
  return floor(x) & 1;
}

/** The squared distance to the middle of the unit cell that x is in. */
function centred(x: number): number {
  const d = x - floor(x) - 0.5;
  return d * d;
}

/**
 * Fine label -> shape and pattern. The format's superclasses keep their meaning: each is one shape with five of the
 * patterns, so a coarse label is easier than a fine one here too.
 */
const looks = Array.from(coarseOfFine, (coarse, fine) => {
  const rank = coarseOfFine.subarray(0, fine).filter((other) => other === coarse).length;
  const [shapeName, shape] = shapes[coarse >> 1]!;
  const [patternName, pattern] = patterns[(coarse & 1) * 5 + rank]!;
  return { name: `${patternName} ${shapeName}`, shape, pattern };
});

/** "plain disc" ...; index = fine label. */
export const syntheticClassNames: readonly string[] = looks.map((look) => look.name);

/**
 * Draws a training and a test set. About 0.1 ms an image.
 * @throws RangeError for counts that aren't positive integers
 */
export function syntheticCifar100(options: SyntheticOptions = {}): TrainTest {
  const { trainCount = 50_000, testCount = 10_000, seed = 0 } = options;
  return { train: drawSet("train", trainCount, seed), test: drawSet("test", testCount, seed) };
}

function drawSet(which: Split, count: number, seed: number): ImageSet {
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`[synthetic] '${which}Count' must be a positive integer, but got ${count}`);
  }
  const images = new Uint8Array(count * imageBytes);
  const labels = new Uint8Array(count);
  const stream = which === "train" ? 0 : 1;
  let order: number[] = [];
  for (let i = 0; i < count; i++) {
    if (i % 100 === 0) order = permutation(100, new SplitMix32(seed, stream, i, 1));
    labels[i] = order[i % 100]!;
    draw(images.subarray(i * imageBytes, (i + 1) * imageBytes), labels[i]!, new SplitMix32(seed, stream, i));
  }
  const coarse = labels.map((fine) => coarseOfFine[fine]!);
  return {
    name: `synthetic ${which}`,
    images,
    labels,
    coarse,
    count,
    classes: syntheticClassNames,
    synthetic: true,
  };
}

/** Draws one image `[32, 32, 3]` of class `label`. */
function draw(pixels: Uint8Array, label: number, random: SplitMix32): void {
  const { shape, pattern } = looks[label]!;
  const radius = random.between(7.5, 13);
  const slack = 15 - radius;
  const centreX = 16 + random.between(-slack, slack);
  const centreY = 16 + random.between(-slack, slack);
  // A slant of up to 14 degrees: rotation by a small angle, save a scale near 1.
  const slant = random.between(-0.25, 0.25);
  const first = [0, 1, 2].map(() => random.between(0, 256));
  const second = first.map((value) => (value + 128) % 256); // far from the first in every channel
  const backdrop = farFrom(first, second, random);
  const tilt = random.between(-2, 2); // the backdrop's change of brightness, levels a pixel
  const noise = random.between(4, 24);

  for (let y = 0, out = 0; y < 32; y++) {
    for (let x = 0; x < 32; x++) {
      const speckle = random.uniform();
      let inside = 0;
      let inSecond = 0;
      for (let sample = 0; sample < 4; sample++) {
        const dx = (x + 0.25 + (sample & 1) / 2 - centreX) / radius;
        const dy = (y + 0.25 + (sample >> 1) / 2 - centreY) / radius;
        const u = dx + slant * dy;
        const v = dy - slant * dx;
        if (!shape(u, v)) continue;
        inside += 0.25;
        inSecond += 0.25 * pattern(u, v, speckle);
      }
      for (let c = 0; c < 3; c++) {
        const behind = backdrop[c]! + tilt * (y - 16);
        const value = behind * (1 - inside) + first[c]! * (inside - inSecond) + second[c]! * inSecond;
        pixels[out++] = min(max(floor(value + random.between(-noise, noise)), 0), 255);
      }
    }
  }
}

/** A colour that stands out from two others. */
function farFrom(first: readonly number[], second: readonly number[], random: SplitMix32): number[] {
  for (;;) {
    const colour = first.map(() => random.between(24, 232));
    const distance = (other: readonly number[]) =>
      colour.reduce((sum, value, c) => sum + abs(value - other[c]!), 0);
    if (min(distance(first), distance(second)) > 130) return colour;
  }
}

/** Fisher and Yates' shuffle of 0 .. n-1. */
function permutation(n: number, random: SplitMix32): number[] {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = floor(random.between(0, i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** SplitMix32: a counter that steps by the golden ratio, hashed. Good enough for drawing; models use the library's own stream. */
class SplitMix32 {
  #state = 0;

  constructor(...keys: number[]) {
    for (const key of keys) this.#state = this.#next() ^ key;
  }

  /** 0 (included) to 1 (excluded), in steps of 2^-32. */
  uniform(): number {
    return this.#next() / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }
}
