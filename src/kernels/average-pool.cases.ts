import {
  adaptiveAxisReference,
  averagePoolGradReference,
  averagePoolReference,
  fixedAxisReference,
} from "./average-pool.reference.ts";
import {
  type AveragePoolSize,
  adaptiveWindows,
  averagePoolGrad,
  averagePoolRun,
  fixedWindows,
} from "./average-pool.ts";
import { type KernelCase, noise, values, view } from "./cases.ts";

type Extents = readonly [images: number, height: number, width: number, channels: number];
type Pair = readonly [height: number, width: number];

interface Pool {
  readonly name: string;
  readonly size: AveragePoolSize;
  readonly axes: Parameters<typeof averagePoolReference>[3];
  readonly bench?: boolean;
}

function fixed(
  [images, height, width, channels]: Extents,
  size: Pair,
  {
    stride = size,
    padding = [0, 0],
    countIncludePad = true,
  }: Partial<Record<"stride" | "padding", Pair>> & {
    countIncludePad?: boolean;
  } = {},
): Pool {
  const windowsOf = (length: number, axis: 0 | 1) =>
    [length, size[axis], stride[axis], padding[axis]] as const;
  const [down, across] = [windowsOf(height, 0), windowsOf(width, 1)];
  return {
    name: `[${images}, ${height}, ${width}, ${channels}] size ${size} stride ${stride} padding ${padding}${countIncludePad ? "" : " left out"}`,
    size: {
      images,
      channels,
      height: fixedWindows(...down),
      width: fixedWindows(...across),
      countIncludePad,
    },
    axes: {
      height: fixedAxisReference(...down, countIncludePad),
      width: fixedAxisReference(...across, countIncludePad),
    },
  };
}

function adaptive([images, height, width, channels]: Extents, [outHeight, outWidth]: Pair): Pool {
  return {
    name: `[${images}, ${height}, ${width}, ${channels}] to ${outHeight},${outWidth}`,
    size: {
      ...{ images, channels, countIncludePad: true },
      ...{ height: adaptiveWindows(height, outHeight), width: adaptiveWindows(width, outWidth) },
    },
    axes: {
      height: adaptiveAxisReference(height, outHeight),
      width: adaptiveAxisReference(width, outWidth),
    },
  };
}

const pools: readonly Pool[] = [
  fixed([1, 1, 1, 1], [1, 1]),
  fixed([3, 5, 7, 12], [2, 2]),
  fixed([2, 9, 8, 5], [3, 2], { stride: [1, 3] }),
  fixed([2, 11, 7, 4], [1, 2], { stride: [3, 4] }),
  ...[true, false].flatMap((countIncludePad) => [
    fixed([2, 7, 6, 3], [3, 3], { stride: [2, 2], padding: [1, 1], countIncludePad }),
    fixed([2, 6, 9, 8], [5, 4], { stride: [1, 2], padding: [2, 1], countIncludePad }),
    fixed([1, 1, 3, 4], [2, 3], { stride: [1, 1], padding: [1, 0], countIncludePad }),
  ]),
  adaptive([2, 7, 5, 3], [3, 2]),
  adaptive([2, 3, 4, 8], [5, 7]),
  adaptive([1, 13, 17, 4], [1, 1]),
  { ...fixed([32, 32, 32, 64], [2, 2]), bench: true },
  { ...adaptive([32, 14, 14, 256], [7, 7]), bench: true },
];

export const averagePoolCases: readonly KernelCase[] = pools.flatMap(
  ({ name, size, axes, bench = false }) => {
    const { images, channels, height, width } = size;
    const count = images * height.length * width.length * channels;
    const outCount = images * height.windows * width.windows * channels;
    const work = { bench, bytes: 4 * (count + outCount) };
    const why = "a rounding of 2^-24 an addition of the longest sum, and two for the quotient";
    const largest =
      Math.max(...axes.height.windows.map((rows) => rows.pixels.length)) *
      Math.max(...axes.width.windows.map((columns) => columns.pixels.length));
    const tolerance = { relative: (largest + 2) * 2 ** -24, why };
    return [
      {
        name: `average_pool_forward ${name}`,
        covers: [],
        inputs: () => ({ x: noise(count) }),
        outputs: { y: outCount },
        launch: (device, views) => averagePoolRun(device, { x: view(views, "x"), y: view(views, "y") }, size),
        reference: (inputs) => ({ y: averagePoolReference(values(inputs, "x"), images, channels, axes) }),
        tolerance,
        ...work,
      },
      {
        name: `average_pool_backward ${name}`,
        covers: [],
        inputs: () => ({ dy: noise(outCount) }),
        outputs: { dx: count },
        launch: (device, views) =>
          averagePoolGrad(device, { dy: view(views, "dy"), dx: view(views, "dx") }, size),
        reference: (inputs) => ({
          dx: averagePoolGradReference(values(inputs, "dy"), images, channels, axes),
        }),
        tolerance,
        ...work,
      },
    ];
  },
);
