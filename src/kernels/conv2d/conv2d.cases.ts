import type { Device } from "../../gpu/device.ts";
import { type KernelCase, noise, values, view } from "../cases.ts";
import { subgroupObstacle } from "../configuration.ts";
import { type TilePlan, tiles } from "../tiled/plan.ts";
import { tileName } from "../tiled/tile.ts";
import {
  conv2dForwardReference,
  conv2dInputGradReference,
  conv2dWeightGradReference,
} from "./conv2d.reference.ts";
import {
  type BackwardArguments,
  type Conv2dConfiguration,
  conv2dBackward,
  conv2dForward,
  type DirectConfiguration,
  generalConfigurations,
  tiled,
} from "./conv2d.ts";
import { type Layer, recordLayers, vggLayers } from "./layers.cases.ts";
import { padChannels, unpadChannels } from "./pack.ts";
import { conv2dForwardPlain, conv2dInputGradPlain, conv2dWeightGradPlain } from "./plain.ts";
import {
  type AnyConv2dShape,
  type Conv2dShape,
  type GeneralConv2dShape,
  generalShape,
  isDepthwise,
  outputExtents,
  sizesOf,
} from "./shape.ts";
import { subgroup } from "./subgroup.ts";
import { launchForwardTiled, launchInputGradTiled, launchWeightGradTiled } from "./tiled.ts";
import { windows } from "./windows.ts";
import {
  chooseAlgorithm,
  growthOfRoundings,
  type TileAlgorithm,
  tileAlgorithms,
} from "./winograd/algorithm.ts";
import { launchBackwardWinograd, launchForwardWinograd } from "./winograd/launch.ts";
import { panelsLayout } from "./winograd/panels-layout.ts";
import { partsOf } from "./winograd/parts.ts";
import { rowsLayout } from "./winograd/rows-layout.ts";

type Row = readonly [
  n: number,
  h: number,
  w: number,
  ci: number,
  co: number,
  kh: number,
  kw: number,
  stride: number,
  paddingH: number,
  paddingW: number,
];

/** Every extent is one, prime, or a neighbour of a tile somewhere, and not only together with easy ones. */
const odd: readonly Row[] = [
  [1, 1, 1, 1, 1, 1, 1, 1, 0, 0],
  [3, 5, 7, 2, 4, 1, 1, 1, 0, 0],
  [2, 7, 5, 3, 7, 2, 2, 1, 0, 0],
  [2, 7, 7, 4, 20, 3, 3, 1, 1, 1],
  [1, 31, 31, 3, 4, 3, 3, 1, 1, 1],
  [2, 5, 31, 5, 7, 3, 2, 1, 0, 1],
  [1, 7, 5, 12, 100, 5, 5, 1, 2, 2],
  [3, 7, 7, 20, 33, 3, 3, 2, 1, 1],
  [2, 8, 9, 33, 20, 2, 2, 2, 0, 0],
  [1, 31, 7, 4, 20, 3, 3, 3, 0, 2],
  [2, 7, 31, 12, 4, 3, 2, 2, 2, 1],
  [2, 5, 5, 20, 12, 1, 1, 2, 0, 0],
  [1, 7, 7, 12, 20, 2, 2, 3, 1, 0],
  [1, 1, 5, 8, 8, 3, 3, 1, 1, 1],
  [1, 1, 1, 33, 7, 5, 5, 1, 2, 2],
  [1, 5, 5, 4, 4, 5, 5, 3, 1, 2],
  [37, 3, 3, 4, 36, 3, 3, 1, 1, 1],
  [9, 2, 2, 36, 68, 3, 3, 1, 1, 1],
  [5, 4, 4, 32, 32, 3, 3, 1, 1, 1],
  [3, 8, 8, 8, 64, 3, 3, 1, 1, 1],
  [3, 16, 16, 16, 20, 3, 3, 1, 1, 1],
  [1, 32, 33, 3, 32, 3, 3, 1, 1, 1],
  [2, 17, 15, 64, 12, 1, 1, 1, 1, 0],
  [2, 16, 17, 4, 4, 5, 3, 1, 2, 1],
];

const skip = {
  plain: () => undefined,
  subgroup: (device: Device) => subgroupObstacle(device),
  tiled: () => undefined,
};

function directTolerance(terms: number): Tolerance {
  return {
    relative: (2 + Math.sqrt(terms)) * 2 ** -23,
    why: `${terms} roundings of 2^-24 of a partial sum, of random sign: their root; twice that for the worst element`,
  };
}

type Tolerance = Exclude<KernelCase["tolerance"], "exact">;

interface Variant<Shape = Conv2dShape> {
  readonly title: string;
  readonly launch: Conv2dConfiguration<Shape>;
  readonly skip: (device: Device) => string | undefined;
  /** From the number of terms of a sum. */
  readonly tolerance: (terms: number) => Tolerance;
  readonly chosen?: boolean;
}

export const direct = (configuration: DirectConfiguration): Variant => ({
  title: configuration,
  launch: { plain: generalConfigurations.plain, subgroup, tiled }[configuration],
  skip: skip[configuration],
  tolerance: directTolerance,
});

export function conv2dCases<Shape extends AnyConv2dShape>(
  variant: Variant<Shape>,
  shape: Shape,
  bench: boolean,
): KernelCase[] {
  const { title, launch, tolerance } = variant;
  const { n, h, w, ci, co, kh, kw, paddingH, paddingW } = shape;
  const { strideH, strideW, dilationH, dilationW, groups } = generalShape(shape);
  const depth = ci / groups;
  const { ho, wo } = outputExtents(shape);
  const sizes = sizesOf(shape);
  // Kernels generated for each tile or row of taps aren't exported and need no entry.
  const padding = ci % 4 === 0 || co % 4 === 0 || groups > 1 ? [] : [padChannels, unpadChannels];
  const work = {
    skip: variant.skip,
    bench,
    flops: 2 * sizes.y * kh * kw * depth,
    bytes: 4 * (sizes.x + sizes.weight + sizes.y),
  };
  const layer = `${ci}->${co} @ ${h}x${w}, ${kh}x${kw}`;
  const cell = (column: string) => (variant.chosen ? { chosen: { row: layer, column } } : {});
  const steps =
    "groups" in shape
      ? `[${strideH}, ${strideW}] dilation [${dilationH}, ${dilationW}] groups ${groups}`
      : `${strideH}`;
  const geometry = `stride ${steps} padding [${paddingH}, ${paddingW}]`;
  const text = `[${n}, ${h}, ${w}, ${ci}] * [${co}, ${kh}, ${kw}, ${depth}] ${geometry}`;
  return [
    {
      name: `conv2d_forward ${title} ${text}`,
      problem: `conv2d_forward ${text}`,
      covers: title === "plain" ? [conv2dForwardPlain] : padding,
      inputs: () => ({ x: noise(sizes.x, 1), weight: noise(sizes.weight, 2) }),
      outputs: { y: sizes.y },
      launch: (device, views) =>
        launch.forward(device, {
          shape,
          x: view(views, "x"),
          weight: view(views, "weight"),
          y: view(views, "y"),
        }),
      reference: (inputs) => ({
        y: conv2dForwardReference(values(inputs, "x"), values(inputs, "weight"), shape),
      }),
      tolerance: tolerance(kh * kw * depth),
      ...cell("forward"),
      ...work,
    },
    {
      name: `conv2d_input_grad ${title} ${text}`,
      problem: `conv2d_input_grad ${text}`,
      covers: title === "plain" ? [conv2dInputGradPlain] : padding,
      inputs: () => ({ dy: noise(sizes.y, 1), weight: noise(sizes.weight, 2) }),
      outputs: { dx: sizes.x },
      launch: (device, views) =>
        launch.inputGrad(device, {
          shape,
          dy: view(views, "dy"),
          weight: view(views, "weight"),
          dx: view(views, "dx"),
        }),
      reference: (inputs) => ({
        dx: conv2dInputGradReference(values(inputs, "dy"), values(inputs, "weight"), shape),
      }),
      tolerance: tolerance((kh * kw * co) / groups),
      ...cell("input gradient"),
      ...work,
    },
    {
      name: `conv2d_weight_grad ${title} ${text}`,
      problem: `conv2d_weight_grad ${text}`,
      covers: title === "plain" ? [conv2dWeightGradPlain] : padding,
      inputs: () => ({ x: noise(sizes.x, 1), dy: noise(sizes.y, 2) }),
      outputs: { dweight: sizes.weight },
      launch: (device, views) =>
        launch.weightGrad(device, {
          shape,
          x: view(views, "x"),
          dy: view(views, "dy"),
          dweight: view(views, "dweight"),
        }),
      reference: (inputs) => ({
        dweight: conv2dWeightGradReference(values(inputs, "x"), values(inputs, "dy"), shape),
      }),
      tolerance: tolerance(n * ho * wo),
      ...cell("filter gradient"),
      ...work,
    },
  ];
}

export const shapeOf = ([n, h, w, ci, co, kh, kw, stride, paddingH, paddingW]: Row): Conv2dShape => ({
  ...{ n, h, w, ci, co, kh, kw, stride, paddingH, paddingW },
});
const oddShapes = odd.map(shapeOf);
const atBatch32 = ({ extent, ci, co, window, padding }: Layer) =>
  shapeOf([32, extent, extent, ci, co, window, window, 1, padding, padding]);
const vggShapes = vggLayers.map(atBatch32);
const layers = [...vggShapes, ...recordLayers.map(atBatch32)];

/** The others take the plain kernels seconds each, and nobody chooses those there. */
const plainShapes = vggShapes.filter(({ h, ci }) => h === 2 || ci === 3);

/** Shapes that hang over the edges of every tile; the first of stride 1, the second in four classes of pixels, each in one part and in three. */
const overTiles = [shapeOf([3, 9, 11, 20, 68, 3, 3, 1, 1, 1]), shapeOf([2, 17, 15, 68, 36, 3, 2, 2, 1, 0])];
const tiledPlans: readonly TilePlan[] = tiles.flatMap((tile) => [1, 3].map((splits) => ({ tile, splits })));
const tiledWith = (plan: TilePlan): Conv2dConfiguration => ({
  forward: (device, args) => launchForwardTiled(device, args, plan),
  inputGrad: (device, args) => launchInputGradTiled(device, args, plan),
  weightGrad: (device, args) => launchWeightGradTiled(device, args, plan),
});

const fewChannels: Variant = { ...direct("subgroup"), title: "windows", launch: windows };
/** One to three channels, every window and stride; pixels in fours. */
const fewChannelShapes = (
  [
    [4, 1, 1, 1, 4, 1, 1, 1, 0, 0],
    [4, 7, 5, 3, 8, 3, 3, 1, 1, 1],
    [2, 8, 9, 2, 36, 2, 2, 2, 0, 0],
    [4, 31, 7, 3, 20, 5, 3, 3, 2, 1],
    [4, 32, 32, 3, 24, 2, 2, 1, 1, 0],
    [2, 46, 48, 3, 4, 3, 3, 1, 1, 1],
  ] as const
).map(shapeOf);

const layouts = { winograd: panelsLayout, "tiled-winograd": () => rowsLayout };
type LayoutName = keyof typeof layouts;
const layoutNames = ["winograd", "tiled-winograd"] as const;

/** Roundings of the transforms grow with their matrices. */
export const winograd = (layoutName: LayoutName, algorithm: TileAlgorithm, limit?: number): Variant => {
  const growth = growthOfRoundings(algorithm);
  const layoutOf = layouts[layoutName];
  const wayOf = (device: Device, { shape }: { readonly shape: Conv2dShape }) => {
    const layout = layoutOf(device);
    return [{ layout, algorithm }, partsOf(device, layout, shape, algorithm, limit)] as const;
  };
  const backward = (device: Device, args: BackwardArguments) =>
    launchBackwardWinograd(device, args, ...wayOf(device, args));
  return {
    title: `${layoutName} ${algorithm.name}${limit ? ` in parts of ${limit} bytes` : ""}`,
    launch: {
      forward: (device, args) => launchForwardWinograd(device, args, ...wayOf(device, args)),
      // dx doesn't need x, nor dweight the weights.
      inputGrad: (device, args) => backward(device, { x: args.dy, ...args }),
      weightGrad: (device, args) => backward(device, { weight: args.dy, ...args }),
    },
    skip: layoutName === "winograd" ? subgroupObstacle : () => undefined,
    tolerance: (terms) => {
      const { relative, why } = directTolerance(terms);
      return { relative: growth * relative, why: `${why}; transforms let them grow by ${growth.toFixed(1)}` };
    },
  };
};

/** What convolutions run, within what the least accurate of the kernels that may be chosen is allowed. */
export const chosen = (shape: Conv2dShape): Variant => {
  const algorithm = chooseAlgorithm(shape);
  return {
    title: "chosen",
    chosen: true,
    launch: {
      forward: conv2dForward,
      inputGrad: (device, args) => conv2dBackward(device, { x: args.dy, ...args }),
      weightGrad: (device, args) => conv2dBackward(device, { weight: args.dy, ...args }),
    },
    skip: () => undefined,
    tolerance: algorithm ? winograd("winograd", algorithm).tolerance : directTolerance,
  };
};

/** Images smaller, larger and as large as a tile; channels that leave panels incomplete; every padding; sums over tiles in two parts. */
const winogradShapes = (
  [
    [1, 1, 1, 4, 4, 1],
    [2, 7, 5, 4, 8, 1],
    [1, 5, 9, 12, 4, 1],
    [5, 4, 4, 32, 36, 1],
    [37, 3, 3, 12, 20, 1],
    [1, 10, 6, 40, 4, 0],
    [2, 6, 6, 8, 12, 2],
    [3, 8, 8, 8, 68, 1],
    [2, 130, 131, 4, 4, 1],
  ] as const
).map(([n, h, w, ci, co, padding]) => shapeOf([n, h, w, ci, co, 3, 3, 1, padding, padding]));
/** Bytes of a binding that don't hold these shapes whole. */
const bindingLimits = { winograd: 520_000, "tiled-winograd": 170_000 };
/** Batches that don't end with a part of 16 images, or do. */
const inParts = [shapeOf([37, 8, 8, 4, 8, 3, 3, 1, 1, 1]), shapeOf([32, 5, 9, 12, 4, 3, 3, 1, 1, 1])];
const pairShapes = [
  shapeOf([1, 2, 2, 4, 8, 3, 3, 1, 1, 1]),
  shapeOf([9, 2, 2, 36, 68, 3, 3, 1, 1, 1]),
  shapeOf([33, 2, 2, 8, 4, 3, 3, 1, 1, 1]),
];

type Pair = readonly [height: number, width: number];

const general = (
  [n, h, w, ci]: readonly [number, number, number, number],
  [co, kh, kw]: readonly [number, number, number],
  groups: number,
  stride: Pair = [1, 1],
  dilation: Pair = [1, 1],
  padding: Pair = [kh >> 1, kw >> 1],
): GeneralConv2dShape => ({
  ...{ n, h, w, ci, co, kh, kw, groups, strideH: stride[0], strideW: stride[1] },
  ...{ dilationH: dilation[0], dilationW: dilation[1], paddingH: padding[0], paddingW: padding[1] },
});

/** Dilation, groups, strides that differ; depthwise with and without fours of channels, several outputs an input, gaps between windows. */
const generalShapes: readonly GeneralConv2dShape[] = [
  general([2, 7, 5, 3], [5, 3, 2], 1, [2, 1]),
  general([1, 9, 8, 4], [7, 3, 3], 1, [1, 1], [2, 3], [2, 3]),
  general([2, 8, 7, 6], [9, 3, 3], 3, [1, 2], [2, 1], [1, 2]),
  general([3, 5, 6, 8], [12, 2, 3], 4, [3, 1], [1, 2], [0, 4]),
  general([1, 1, 1, 1], [1, 1, 1], 1, [1, 1], [5, 5]),
  general([2, 7, 5, 4], [4, 3, 3], 4),
  general([2, 9, 13, 12], [12, 3, 3], 12, [2, 2]),
  general([1, 8, 17, 8], [8, 5, 3], 8, [1, 3], [1, 2], [4, 1]),
  general([2, 6, 11, 4], [4, 2, 2], 4, [3, 5], [3, 2], [1, 4]),
  general([1, 4, 9, 20], [20, 1, 1], 20, [2, 2], [1, 1], [0, 3]),
  general([2, 7, 6, 3], [3, 3, 3], 3, [2, 1]),
  general([2, 5, 9, 4], [12, 3, 2], 4, [1, 2], [1, 2]),
  general([37, 3, 3, 5], [10, 3, 3], 5),
  general([1, 6, 7, 1], [3, 3, 3], 1, [1, 1], [2, 2], [3, 0]),
];
/** As MobileNet has them, at batch 8. */
const depthwiseLayers = [
  general([8, 56, 56, 128], [128, 3, 3], 128),
  general([8, 56, 56, 128], [128, 3, 3], 128, [2, 2]),
  general([8, 14, 14, 512], [512, 3, 3], 512),
];
const generalVariant = (title: "plain" | "depthwise"): Variant<GeneralConv2dShape> => ({
  ...direct("plain"),
  title,
  launch: generalConfigurations[title],
});

export const conv2dFamilyCases: readonly KernelCase[] = [
  ...generalShapes.flatMap((shape) => conv2dCases(generalVariant("plain"), shape, false)),
  ...generalShapes
    .filter(isDepthwise)
    .flatMap((shape) => conv2dCases(generalVariant("depthwise"), shape, false)),
  ...depthwiseLayers.flatMap((shape) => conv2dCases(generalVariant("depthwise"), shape, true)),
  ...(["plain", "subgroup", "tiled"] as const).flatMap((configuration) => [
    ...oddShapes.flatMap((shape) => conv2dCases(direct(configuration), shape, false)),
    ...(configuration === "plain" ? plainShapes : layers).flatMap((shape) =>
      conv2dCases(direct(configuration), shape, true),
    ),
  ]),
  ...tiledPlans.flatMap((plan) =>
    overTiles.flatMap((shape) => {
      const title = `tiled ${tileName(plan.tile)} in ${plan.splits}`;
      return conv2dCases({ ...direct("tiled"), title, launch: tiledWith(plan) }, shape, false);
    }),
  ),
  ...fewChannelShapes.flatMap((shape) => conv2dCases(fewChannels, shape, false)),
  ...layoutNames.flatMap((layout) => [
    ...tileAlgorithms.flatMap((algorithm) =>
      (algorithm.name === "pair" ? pairShapes : winogradShapes).flatMap((shape) =>
        conv2dCases(winograd(layout, algorithm), shape, false),
      ),
    ),
    ...inParts.flatMap((shape) =>
      tileAlgorithms
        .filter(({ outputs }) => outputs === 4 || outputs === 3) // f3's sums needn't end where a binding can begin
        .flatMap((each) => conv2dCases(winograd(layout, each, bindingLimits[layout]), shape, false)),
    ),
    ...layers.flatMap((shape) => {
      const algorithm = shape.ci > 3 ? chooseAlgorithm(shape) : undefined;
      return algorithm ? conv2dCases(winograd(layout, algorithm), shape, true) : [];
    }),
  ]),
  ...layers.flatMap((shape) => conv2dCases(chosen(shape), shape, true)),
];
