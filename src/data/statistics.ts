/** What normalising a data set needs to know of it. */
import type { ImageArrays } from "./gpu-images.ts";

export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * Mean and standard deviation (of the population) of each channel of byte / 255, for `UploadOptions`. Exact but for the last division and root:
 * bytes are counted by value, and sums of counts times values are integers below 2^53.
 * @throws Error for images that aren't whole pixels, or none
 */
export function channelStatistics({ images, shape = [32, 32, 3] }: ImageArrays): ChannelStatistics {
  const channels = shape[2];
  if (images.length === 0 || images.length % channels !== 0) {
    throw new Error(
      `[channelStatistics] 'images' must hold pixels of ${channels} channels, but has ${images.length} bytes`,
    );
  }
  const counts = new Uint32Array(256 * channels);
  for (let at = 0; at < images.length; at += channels) {
    for (let channel = 0; channel < channels; channel++) {
      const bin = 256 * channel + (images[at + channel] ?? 0);
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
  }
  const pixels = images.length / channels;
  const mean: number[] = [];
  const std: number[] = [];
  for (let channel = 0; channel < channels; channel++) {
    let sum = 0;
    let squares = 0;
    for (let byte = 0; byte < 256; byte++) {
      const count = counts[256 * channel + byte] ?? 0;
      sum += count * byte;
      squares += count * byte * byte;
    }
    mean.push(sum / pixels / 255);
    // An integer: pixels^2 times the variance, without the cancellation of a difference of means.
    const spread = BigInt(pixels) * BigInt(squares) - BigInt(sum) ** 2n;
    std.push(Math.sqrt(Number(spread)) / pixels / 255);
  }
  return { mean, std };
}
