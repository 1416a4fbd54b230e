/** Statistics of a data set's channels. */
import { describe, expect, it } from "vitest";
import { data } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";

const arrays = (images: Uint8Array, shape: [number, number, number]) => ({
  images,
  shape,
  labels: [],
  classes: 1,
});

describe("channelStatistics", () => {
  it("gives the mean and the population's standard deviation of each channel", () => {
    const images = Uint8Array.from([0, 10, 255, 30, 0, 10, 255, 50]);
    const { mean, std } = data.channelStatistics(arrays(images, [1, 2, 2]));
    expect(mean).toEqual([510 / 4 / 255, 100 / 4 / 255]);
    expect(std).toEqual([0.5, Math.sqrt(275) / 255]);
  });

  it("is exact where a difference of means would cancel", () => {
    const images = new Uint8Array(3_000_000).fill(255);
    images[1] = 254;
    const { mean, std } = data.channelStatistics(arrays(images, [1, 4, 3]));
    expect([mean[0], std[0]]).toEqual([1, 0]);
    expect(std[1]).toBeCloseTo(Math.sqrt(999_999) / 1e6 / 255, 18);
  });

  it("takes three channels by default, and whole pixels only", () => {
    const images = Uint8Array.from(noise(3 * 1024, 1), (value) => Math.floor((value + 1) * 128));
    expect(data.channelStatistics({ images, labels: [], classes: 1 }).mean).toHaveLength(3);
    expect(() =>
      data.channelStatistics(arrays(images.subarray(1), [1, 1, 3])),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [channelStatistics] 'images' must hold pixels of 3 channels, but has 3071 bytes]`,
    );
    expect(() =>
      data.channelStatistics(arrays(new Uint8Array(), [1, 1, 3])),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [channelStatistics] 'images' must hold pixels of 3 channels, but has 0 bytes]`,
    );
  });
});
