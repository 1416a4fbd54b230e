/** What normalising a data set needs to know of it. */
import type { ImageArrays } from "./gpu-images.ts";

/** Mean and standard deviation of each channel of byte / 255: what `UploadOptions` takes. */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * Mean and standard deviation (of the population) of each channel of byte / 255, for `UploadOptions`. Exact but for the last division and root:
 * sums of bytes and of their squares are integers below 2^53.
 * @throws Error for images that aren't whole pixels, or none
 */
export function channelStatistics({ images, shape = [32, 32, 3] }: ImageArrays): ChannelStatistics {
  const channels = shape[2];
  if (images.length === 0 || images.length % channels !== 0) {
    throw new Error(
      `[channelStatistics] 'images' must hold pixels of ${channels} channels, but has ${images.length} bytes`,
    );
  }
  const pixels = images.length / channels;
  const mean: number[] = [];
  const std: number[] = [];
  for (let channel = 0; channel < channels; channel++) {
    let sum = 0;
    let squares = 0;
    for (let at = channel; at < images.length; at += channels) {
      const byte = images[at] ?? 0;
      sum += byte;
      squares += byte * byte;
    }
    mean.push(sum / pixels / 255);
    // An integer: pixels^2 times the variance, without the cancellation of a difference of means.
    const spread = BigInt(pixels) * BigInt(squares) - BigInt(sum) ** 2n;
    std.push(Math.sqrt(Number(spread)) / pixels / 255);
  }
  return { mean, std };
}
