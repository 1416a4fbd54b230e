import { type KernelCase, noise, values, view } from "./cases.ts";
import { clipFactorReference, normReference, squareSumsReference } from "./gradient-norm.reference.ts";
import { clipFactor, scaleInPlace, squareSumCount, squareSums } from "./gradient-norm.ts";

const largest = 512 * 9 * 512; // a convolution of VGG
const sizes = [1, 3, 4, 5, 1023, 1024, 1025, 2053, largest];

const squares: KernelCase[] = sizes.map((size) => ({
  name: `square_sums [${size}]`,
  covers: [squareSums],
  inputs: () => ({ x: noise(size, 1) }),
  outputs: { sums: squareSumCount(size) },
  launch: (device, views) =>
    squareSums(device, {
      x: view(views, "x"),
      sums: view(views, "sums"),
      n: squareSumCount(size),
      size,
      first: 0,
    }),
  reference: (inputs) => ({ sums: squareSumsReference(values(inputs, "x"), squareSumCount(size)) }),
  tolerance: { relative: 64 * 2 ** -24, why: "256 sums of positive numbers, one after the other" },
  bench: size === largest,
  bytes: 4 * size,
}));

const factors: KernelCase[] = [1, 255, 256, 257, 15_000].flatMap((count) =>
  // Below the norm and above it.
  [0.5, 1e6].map((most) => ({
    name: `clip_factor [${count}] to ${most}`,
    covers: [clipFactor],
    inputs: () => ({ sums: noise(count, 1).map(Math.abs) }),
    outputs: { norm: 1, factor: 1 },
    launch: (device, views) =>
      clipFactor(device, {
        sums: view(views, "sums"),
        norm: view(views, "norm"),
        factor: view(views, "factor"),
        count,
        most,
      }),
    reference: (inputs) => {
      const norm = normReference(values(inputs, "sums"));
      return { norm: [norm], factor: [clipFactorReference(norm, most)] };
    },
    tolerance: {
      relative: 32 * 2 ** -24,
      why: "59 sums and eight more of positive numbers, a root and a division",
    },
  })),
);

const scalings: KernelCase[] = [1, 5, 257, largest].map((count) => ({
  name: `scale_in_place [${count}]`,
  covers: [scaleInPlace],
  inputs: () => ({ x: noise(count, 1), factor: Float32Array.of(0.3) }),
  outputs: { x: count },
  launch: (device, views) =>
    scaleInPlace(device, { x: view(views, "x"), factor: view(views, "factor"), n: Math.ceil(count / 4) }),
  reference: (inputs) => {
    const [factor = 0] = Array.from(values(inputs, "factor"));
    return { x: Array.from(values(inputs, "x"), (value) => value * factor) };
  },
  tolerance: { relative: 2 ** -24, why: "one rounding" },
  bytes: 8 * count,
}));

export const gradientNormCases: KernelCase[] = [...squares, ...factors, ...scalings];
