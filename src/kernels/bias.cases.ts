import { biasAddReference } from "./bias.reference.ts";
import { biasAdd } from "./bias.ts";
import { type KernelCase, noise, values, view } from "./cases.ts";

const sizes = [
  [1, 1],
  [7, 3],
  [33, 4],
  [257, 20],
] as const;

export const biasCases: readonly KernelCase[] = sizes.map(([rows, channels]) => ({
  name: `bias_add [${rows}, ${channels}]`,
  covers: [biasAdd],
  inputs: () => ({ y: noise(rows * channels, 1), bias: noise(channels, 2) }),
  outputs: { y: rows * channels },
  launch: (device, views) =>
    biasAdd(device, { bias: view(views, "bias"), y: view(views, "y"), n: rows * channels, channels }),
  reference: (inputs) => ({ y: biasAddReference(values(inputs, "y"), values(inputs, "bias")) }),
  tolerance: { relative: 2 ** -24, why: "one rounding of half a unit in the last place" },
  bytes: 8 * rows * channels,
}));
