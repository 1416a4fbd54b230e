import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { nn } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";

interface Fixture {
  readonly shape: readonly [number, number, number, number];
  readonly size: number;
  readonly eps: number;
  readonly filters: readonly number[];
}

const fixtures = JSON.parse(
  readFileSync(new URL("../parity/fixtures/whitening.json", import.meta.url), "utf8"),
) as readonly Fixture[];

/** The images of make_whitening_fixture.py. */
function imagesOf([count, height, width, channels]: Fixture["shape"]): Float32Array {
  return noise(count * height * width * channels, 7).map((value, k) => value + 0.3 * (k % channels));
}

/** What each filter answers to each patch, in float64. */
function responses(
  weights: Float32Array,
  images: Float32Array,
  shape: Fixture["shape"],
  size: number,
): number[][] {
  const [count, height, width, channels] = shape;
  const length = size * size * channels;
  const filters = Array.from({ length: weights.length / length }, (_, k) =>
    weights.subarray(k * length, (k + 1) * length),
  );
  const places = Array.from({ length: count * height * width }, (_, at) => at).filter(
    (at) => Math.floor(at / width) % height <= height - size && at % width <= width - size,
  );
  const element = (at: number, k: number) => {
    const tap = Math.floor(k / channels);
    const place = at + Math.floor(tap / size) * width + (tap % size);
    return images[place * channels + (k % channels)] ?? Number.NaN;
  };
  return places.map((at) =>
    filters.map((filter) => filter.reduce((sum, weight, k) => sum + weight * element(at, k), 0)),
  );
}

describe("nn.whitening", () => {
  it.each(fixtures)("of $shape, patches of $size, has NumPy's filters", ({ shape, size, eps, filters }) => {
    const weights = nn.whitening(imagesOf(shape), shape, { size, eps });
    expect(weights).toHaveLength(filters.length);
    weights.forEach((weight, k) => {
      // The fixture has nine digits after the point, float32 six or seven in all.
      expect(Math.abs(weight - (filters[k] ?? Number.NaN)), `element ${k}`).toBeLessThan(
        1e-9 + 2 ** -24 * Math.abs(weight),
      );
    });
  });

  it("makes responses uncorrelated, of power lambda / (lambda + eps); the second half are the negatives", () => {
    const shape = [40, 9, 7, 3] as const;
    const images = imagesOf(shape);
    const eps = 1e-9;
    const weights = nn.whitening(images, shape, { eps });
    const half = weights.length / 2;
    expect(weights.slice(half)).toEqual(weights.slice(0, half).map((weight) => -weight));

    const answers = responses(weights.subarray(0, half), images, shape, 2);
    for (let i = 0; i < 12; i++) {
      for (let j = 0; j < 12; j++) {
        const moment = answers.reduce((sum, row) => sum + (row[i] ?? 0) * (row[j] ?? 0), 0) / answers.length;
        // The weights are rounded to float32; eigenvalues of some 0.3 make eps vanish beside that.
        expect(Math.abs(moment - Number(i === j)), `${i}, ${j}`).toBeLessThan(1e-6);
      }
    }
    const damped = responses(nn.whitening(images, shape, { eps: 0.5 }).subarray(0, half), images, shape, 2);
    const power = (k: number) => damped.reduce((sum, row) => sum + (row[k] ?? 0) ** 2, 0) / damped.length;
    // The filter's norm is 1 / sqrt(lambda + eps), so its power is lambda times the norm's square.
    const eigenvalue = 1 / weights.subarray(0, 12).reduce((sum, weight) => sum + weight ** 2, 0);
    expect(power(0)).toBeCloseTo(eigenvalue / (eigenvalue + 0.5), 5);
  });

  it("takes images whose patches span few directions, and images all zero", () => {
    const gray = new Float32Array(3 * 4 * 4 * 3).fill(0.25);
    const weights = nn.whitening(gray, [3, 4, 4, 3], { eps: 1e-4 });
    // One component of power 12 / 16; nothing along the others, where rounding may leave less than 0.
    const norms = Array.from({ length: 12 }, (_, k) => Math.hypot(...weights.subarray(12 * k, 12 * k + 12)));
    expect(norms[0]).toBeCloseTo(1 / Math.sqrt(0.75 + 1e-4), 6);
    for (const norm of norms.slice(1)) expect(norm).toBeCloseTo(100, 4);
    expect(nn.whitening(new Float32Array(4), [1, 2, 2, 1], { size: 1, eps: 1 })).toEqual(
      Float32Array.of(1, -1),
    );
  });

  it("says what is wrong with its arguments", () => {
    const images = new Float32Array(2 * 4 * 5 * 3);
    expect(() => nn.whitening(images, [2, 4, 5])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [whitening] 'shape' must be [N, H, W, C] of 120 images' values, one or more, but got [2, 4, 5]]`,
    );
    expect(() => nn.whitening(images, [3, 4, 5, 3])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [whitening] 'shape' must be [N, H, W, C] of 120 images' values, one or more, but got [3, 4, 5, 3]]`,
    );
    expect(() => nn.whitening(new Float32Array(), [0, 4, 5, 3])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [whitening] 'shape' must be [N, H, W, C] of 0 images' values, one or more, but got [0, 4, 5, 3]]`,
    );
    expect(() => nn.whitening(images, [2, 4, 5, 3], { size: 5 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [whitening] 'size' must be an integer from 1 to the images' height and width, 4 and 5, but got 5]`,
    );
    expect(() => nn.whitening(images, [2, 4, 5, 3], { eps: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [whitening] 'eps' must be positive, but got 0]`,
    );
    images[17] = Number.NaN;
    expect(() => nn.whitening(images, [2, 4, 5, 3])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [whitening] 'images' must be finite, but element 17 is NaN; normalise before whitening]`,
    );
  });
});
