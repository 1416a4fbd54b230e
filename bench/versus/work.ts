/** The work that wgrad and its peers are compared at: sizes, inputs, and how far results may differ. */
import { type HostValues, noise } from "../../src/kernels/cases.ts";

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** What a peer is told about a work; arrays are `[N, H, W, C]` and `[Co, Kh, Kw, Ci]`. */
export type WorkKind =
  | { readonly kind: "gemm"; readonly size: number }
  | {
      readonly kind: "conv2d";
      readonly direction: "forward" | "input-grad" | "weight-grad";
      readonly batch: number;
      readonly extent: number;
      readonly channels: number;
    }
  | {
      readonly kind: "batch-norm";
      readonly batch: number;
      readonly extent: number;
      readonly channels: number;
    }
  | { readonly kind: "vgg-step"; readonly width: number; readonly batch: number };

export type Work = WorkKind & { readonly name: string };

/** The optimiser of the VGG step; the peers' files hold the same numbers. */
export const vggTraining = { lr: 0.01, momentum: 0.9, weightDecay: 5e-4 };

const convolutions = [
  { extent: 32, channels: 64 },
  { extent: 16, channels: 128 },
  { extent: 8, channels: 256 },
  { extent: 4, channels: 512 },
];

export function listWork(width: number, batch: number): Work[] {
  const directions = [
    ["conv-fwd", "forward"],
    ["conv-dx", "input-grad"],
    ["conv-dw", "weight-grad"],
  ] as const;
  return [
    { name: "vgg-step", kind: "vgg-step", width, batch },
    { name: "gemm-512", kind: "gemm", size: 512 },
    ...directions.flatMap(([name, direction]) =>
      convolutions.map(
        ({ extent, channels }): Work => ({
          name: `${name}-${channels}@${extent}`,
          kind: "conv2d",
          direction,
          batch: 32,
          extent,
          channels,
        }),
      ),
    ),
    { name: "batchnorm", kind: "batch-norm", batch: 32, extent: 32, channels: 64 },
  ];
}

/** In the order in which peers and `prepareOurs` take them. Parameters of VGG are named `parameter 0`, `parameter 1`, ... */
export function inputsOf(work: Work): Record<string, Values> {
  switch (work.kind) {
    case "gemm": {
      const shape = [work.size, work.size];
      return { a: random(shape, 1), b: random(shape, 2) };
    }
    case "conv2d": {
      const { batch, extent, channels } = work;
      const images = [batch, extent, extent, channels];
      return {
        x: random(images, 1),
        weight: random([channels, 3, 3, channels], 2),
        dy: random(images, 3),
      };
    }
    case "batch-norm": {
      const { batch, extent, channels } = work;
      const images = [batch, extent, extent, channels];
      const gamma = random([channels], 2);
      return {
        x: random(images, 1),
        gamma: { ...gamma, data: gamma.data.map((value) => 1 + value / 10) },
        beta: random([channels], 3),
        dy: random(images, 4),
      };
    }
    case "vgg-step": {
      const labels = Float32Array.from({ length: work.batch }, (_, row) => (11 * row) % 100);
      const parameters = parameterShapes(work.width).map((shape, k) => [`parameter ${k}`, initial(shape, k)]);
      return {
        images: random([work.batch, 32, 32, 3], 1000),
        labels: { shape: [work.batch], data: labels },
        ...Object.fromEntries(parameters),
      };
    }
  }
}

/** Of VGG's parameters in order: weight, gamma, beta of each convolution and of the first linear layer, the last weight. */
function parameterShapes(width: number): number[][] {
  const channels = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512].map(
    (count) => count * width,
  );
  const top = 512 * width;
  const blocks = channels.flatMap((out, k) => [[out, 3, 3, channels[k - 1] ?? 3], [out], [out]]);
  return [...blocks, [top, top], [top], [top], [100, top]];
}

/** Weights uniform with a variance of 1 / fan in; gamma near 1, beta near 0. */
function initial(shape: readonly number[], index: number): Values {
  const { data } = random(shape, index + 1);
  const fanIn = shape.slice(1).reduce((a, b) => a * b, 1);
  const isGamma = shape.length === 1 && index % 3 === 1;
  const spread = shape.length > 1 ? Math.sqrt(3 / fanIn) : 0.1;
  return { shape, data: data.map((value) => (isGamma ? 1 : 0) + value * spread) };
}

function random(shape: readonly number[], seed: number): Values {
  return {
    shape,
    data: noise(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  };
}

/**
 * The largest relative L2 difference between two results, both of which are right.
 *
 * float32 sums of up to a few thousand products differ by their order: 1e-6 or less. A step of VGG passes 14 normalizations and as
 * many kinks of ReLU and ties of max-pools, which magnify that: one ReLU of the head that switches is 2 % of all gradients at quarter width. What's
 * compared of it are losses and the step that the parameters took.
 */
export function toleranceOf(work: Work): number {
  return work.kind === "vgg-step" ? 5e-2 : 2e-5;
}

/** Says what differs, if something does. */
export function difference(
  work: Work,
  inputs: Readonly<Record<string, Values>>,
  ours: Readonly<Record<string, HostValues>>,
  theirs: Readonly<Record<string, HostValues>>,
): string | undefined {
  for (const [name, expected] of Object.entries(ours)) {
    const got = theirs[name];
    if (!got || got.length !== expected.length)
      return `'${name}' has ${got?.length ?? "no"} elements in place of ${expected.length}`;
    const before = name === "parameters" ? parametersBefore(inputs) : undefined;
    const error = relativeDifference(got, expected, before);
    const limit = name === "losses" ? 1e-3 : toleranceOf(work);
    if (!(error <= limit)) return `'${name}' differs by ${error.toExponential(1)}, more than ${limit}`;
  }
  return undefined;
}

function parametersBefore(inputs: Readonly<Record<string, Values>>): number[] {
  const before: number[] = [];
  for (const [name, { data }] of Object.entries(inputs)) {
    if (!name.startsWith("parameter")) continue;
    for (const value of data) before.push(value);
  }
  return before;
}

/** |got - expected| / |expected - before|, in the L2 norm. */
function relativeDifference(got: HostValues, expected: HostValues, before?: readonly number[]): number {
  let error = 0;
  let size = 0;
  expected.forEach((value, k) => {
    error += ((got[k] ?? Number.NaN) - value) ** 2;
    size += (value - (before?.[k] ?? 0)) ** 2;
  });
  return Math.sqrt(error / size);
}
