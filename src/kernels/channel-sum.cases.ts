import { type KernelCase, noise, values, view } from "./cases.ts";
import { channelSumReference } from "./channel-sum.reference.ts";
import { channelSum, channelSumQuads, channelSumScalars } from "./channel-sum.ts";

/** One chunk, two, the last one short, several rows a chunk in the second stage; scalars and quads. */
const sizes = [
  [1, 1],
  [3, 5],
  [64, 4],
  [65, 7],
  [127, 12],
  [4099, 3],
  [65537, 1],
  [10007, 20],
  [32 * 32 * 32, 64],
] as const;

export const channelSumCases: readonly KernelCase[] = sizes.map(([rows, channels]) => ({
  name: `channel_sum [${rows}, ${channels}]`,
  covers: [channels % 4 === 0 ? channelSumQuads : channelSumScalars],
  inputs: () => ({ x: noise(rows * channels, 1) }),
  outputs: { y: channels },
  launch: (device, views) => channelSum(device, { x: view(views, "x"), y: view(views, "y"), rows, channels }),
  reference: (inputs) => ({ y: channelSumReference(values(inputs, "x"), channels) }),
  tolerance: {
    // A sum of zero-mean noise may be far smaller than its terms, all of which are rounded: hence rows, not their root.
    relative: (2 + Math.sqrt(rows)) * 2 ** -22,
    why: "roundings of 2^-24 of partial sums that may be several times the result, of random sign",
  },
  bench: rows === 32 * 32 * 32,
  bytes: 4 * (rows * channels + channels),
}));
