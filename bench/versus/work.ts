/** The work that wgrad and its peers are compared at: names and sizes. */
import { type Layer, recordLayers, vggLayers } from "../../src/kernels/conv2d/layers.cases.ts";

/** What a peer is told about a work; arrays are `[N, H, W, C]` and `[Co, Kh, Kw, Ci]`. */
export type WorkKind =
  | { readonly kind: "gemm"; readonly size: number }
  | (Layer & {
      readonly kind: "conv2d";
      readonly direction: "forward" | "input-grad" | "weight-grad";
      readonly batch: number;
    })
  | (ImageSize & { readonly kind: "batch-norm" })
  | (ImageSize & {
      readonly kind: "batch-norm-relu";
      readonly direction: Direction;
      /** Of dropout. Masks are random, so results are compared at 0. */
      readonly rate: number;
    })
  | (ImageSize & { readonly kind: "max-pool"; readonly direction: Direction })
  | {
      readonly kind: "cross-entropy";
      readonly direction: Direction;
      readonly rows: number;
      readonly classes: number;
    }
  | { readonly kind: "sgd"; readonly width: number }
  | { readonly kind: "vgg-step"; readonly width: number; readonly batch: number };

export type Work = WorkKind & { readonly name: string };

/** Forward leaves what backward needs; backward is that alone, again and again after one forward. */
export type Direction = "forward" | "backward";

interface ImageSize {
  readonly batch: number;
  readonly extent: number;
  readonly channels: number;
}

/** The optimiser of the VGG step; the peers' files hold the same numbers. */
export const vggTraining = { lr: 0.01, momentum: 0.9, weightDecay: 5e-4 };

const imageSizes = [
  { extent: 32, channels: 64 },
  { extent: 16, channels: 128 },
  { extent: 4, channels: 512 },
];

const directions = [
  ["fwd", "forward"],
  ["bwd", "backward"],
] as const;

export interface WorkSizes {
  /** Of the VGG step. */
  readonly width: number;
  readonly batch: number;
  /** Of the single kernels. */
  readonly images: number;
}

/** All works. A name's part after `@` is the extent of the input; channels that are equal on both sides stand once. */
export function listWork({ width, batch, images }: WorkSizes): Work[] {
  return [
    { name: "vgg-step", kind: "vgg-step", width, batch },
    ...[512, 1024].map((size): Work => ({ name: `gemm-${size}`, kind: "gemm", size })),
    ...convolutions(images),
    { name: "batchnorm", kind: "batch-norm", batch: images, extent: 32, channels: 64 },
    ...layers(images),
    { name: "sgd", kind: "sgd", width: 1 },
  ];
}

function convolutions(batch: number): Work[] {
  const gradients = [
    ["conv-fwd", "forward"],
    ["conv-dx", "input-grad"],
    ["conv-dw", "weight-grad"],
  ] as const;
  return gradients.flatMap(([name, direction]) =>
    [...vggLayers, ...recordLayers].flatMap((size): Work[] => {
      const { extent, ci, co, window } = size;
      // Nobody asks for the gradient of the images.
      if (ci === 3 && direction === "input-grad") return [];
      const channels = ci === co ? co : `${ci}-${co}`;
      const suffix = window === 3 ? "" : `-${window}x${window}`;
      return [{ name: `${name}-${channels}@${extent}${suffix}`, kind: "conv2d", direction, batch, ...size }];
    }),
  );
}

function layers(batch: number): Work[] {
  const images = imageSizes.map((size) => ({ batch, ...size }));
  return directions.flatMap(([short, direction]): Work[] => {
    const of = (name: string, { channels, extent }: ImageSize) => `${name}-${short}-${channels}@${extent}`;
    return [
      ...images.flatMap((size): Work[] => [
        { name: of("bn-relu", size), kind: "batch-norm-relu", direction, ...size, rate: 0 },
        { name: of("bn-relu-dropout", size), kind: "batch-norm-relu", direction, ...size, rate: 0.3 },
      ]),
      ...images.map((size): Work => ({ name: of("pool", size), kind: "max-pool", direction, ...size })),
      { name: `loss-${short}`, kind: "cross-entropy", direction, rows: 128, classes: 100 },
    ];
  });
}

/** Of the direct algorithm; null where memory bounds the work. */
export function flopsOf(work: Work): number | null {
  if (work.kind === "gemm") return 2 * work.size ** 3;
  if (work.kind !== "conv2d") return null;
  const { batch, extent, ci, co, window, padding } = work;
  const out = extent + 2 * padding - window + 1;
  return 2 * batch * out ** 2 * window ** 2 * ci * co;
}

/** Its place in a table of layers by direction. */
export function placeOf(work: Work): { family: string; row: string; column: string } {
  switch (work.kind) {
    case "conv2d": {
      const { extent, ci, co, window, direction } = work;
      const row = `${ci}->${co} @ ${extent}x${extent}, ${window}x${window}`;
      const column = { forward: "forward", "input-grad": "input gradient", "weight-grad": "filter gradient" };
      return { family: "convolutions", row, column: column[direction] };
    }
    case "batch-norm-relu":
    case "max-pool":
    case "cross-entropy":
      return {
        family: "layers",
        row: work.name.replace(/-(fwd|bwd)/, ""),
        column: work.direction,
      };
    default:
      return { family: "others", row: work.name, column: "" };
  }
}
