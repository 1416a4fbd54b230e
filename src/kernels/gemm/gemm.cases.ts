import type { Device } from "../../gpu/device.ts";
import { type KernelCase, noise, values, view } from "../cases.ts";
import { type ConfigurationOf, configurationNames, subgroupObstacle } from "../configuration.ts";
import { tiles } from "../tiled/plan.ts";
import { type Tile, tileName } from "../tiled/tile.ts";
import { gemmReference } from "./gemm.reference.ts";
import { type GemmArguments, gemm, gemmConfigurations } from "./gemm.ts";
import { packColumns, packRows } from "./pack.ts";
import { gemmPlain } from "./plain.ts";
import { launchGemmTiled } from "./tiled.ts";

type Size = readonly [m: number, n: number, k: number];

/** One, primes, a tile of 32 rows by 4, 8 or 16 lanes of vec4 and its neighbours. */
const odd: readonly Size[] = [
  [1, 1, 1],
  [1, 7, 5],
  [13, 1, 3],
  [3, 5, 31],
  [31, 15, 4],
  [32, 16, 8],
  [33, 17, 9],
  [32, 32, 32],
  [31, 33, 33],
  [65, 64, 12],
  [5, 67, 131],
  [128, 100, 64],
  [40, 68, 36],
  // A factor that stays in registers, whole or in parts of many steps of four k; 19 steps have no such parts.
  [67, 132, 256],
  [72, 36, 512],
  [33, 100, 288],
  [132, 68, 20],
  [44, 64, 128],
  [44, 68, 100],
  [44, 68, 76],
  // Sums in parts, by vec4s and by element.
  [12, 16, 8448],
  [12, 16, 8212],
  [9, 11, 8197],
];
const bench: readonly Size[] = [
  [512, 512, 512],
  [1024, 1024, 1024],
  [32, 512, 512],
  [128, 100, 512],
];
/** 1024 takes the plain kernel seconds, and nobody chooses it there. */
const plainBench = bench.filter(([m]) => m < 1024);
const transpositions = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const;

/** Kernels generated for each subgroup size aren't exported and need no entry. */
const covered = { plain: [gemmPlain], subgroup: [packRows, packColumns], tiled: [] };
const skip = {
  plain: () => undefined,
  subgroup: (device: Device) => subgroupObstacle(device),
  tiled: () => undefined,
};

function gemmCase(
  configuration: ConfigurationOf<"gemm">,
  [m, n, k]: Size,
  [transposeA, transposeB]: readonly [boolean, boolean],
  variant = "",
  launch: (device: Device, args: GemmArguments) => void = gemmConfigurations[configuration],
): KernelCase {
  const letters = `${transposeA ? "t" : "n"}${transposeB ? "t" : "n"}`;
  return {
    name: `gemm ${configuration}${variant} ${letters} [${m}, ${k}] x [${k}, ${n}]`,
    problem: `gemm ${letters} [${m}, ${k}] x [${k}, ${n}]`,
    covers: covered[configuration],
    inputs: () => ({ a: noise(m * k, 1), b: noise(k * n, 2) }),
    outputs: { y: m * n },
    launch: (device, views) =>
      launch(device, {
        a: view(views, "a"),
        b: view(views, "b"),
        y: view(views, "y"),
        m,
        n,
        k,
        transposeA,
        transposeB,
      }),
    reference: (inputs) => ({
      y: gemmReference(values(inputs, "a"), values(inputs, "b"), { m, n, k, transposeA, transposeB }),
    }),
    tolerance: {
      relative: (2 + Math.sqrt(k)) * 2 ** -23,
      why: "K roundings of 2^-24 of a partial sum, of random sign: sqrt(K); twice that for the worst of all elements",
    },
    skip: skip[configuration],
    bench: bench.some((size) => size[0] === m && size[1] === n && size[2] === k),
    flops: 2 * m * n * k,
    bytes: 4 * (m * k + k * n + m * n),
  };
}

/** What matmul runs. */
function chosenCase(size: Size, transposed: readonly [boolean, boolean]): KernelCase {
  const [m, n, k] = size;
  const [a, b] = transposed;
  const kernelCase = gemmCase("plain", size, transposed, "", gemm);
  return {
    ...kernelCase,
    name: kernelCase.name.replace("plain", "chosen"),
    covers: [],
    chosen: {
      row: `[${m}, ${k}] x [${k}, ${n}]`,
      column: `${a ? "a^T" : "a"} ${b ? "b^T" : "b"}`,
    },
  };
}

/** Around one tile and two, in one part and in three. */
const tiledCases = ({ rows, columns, depth, ...held }: Tile): KernelCase[] => {
  const tile = { rows, columns, depth, ...held };
  const sizes: readonly Size[] = [
    [rows, columns, depth],
    [rows - 1, columns + 1, depth + 1],
    [rows + 4, columns - 4, 2 * depth - 4],
    [2 * rows + 1, 2 * columns - 1, 5 * depth - 1],
  ];
  const cases = (splits: number) =>
    sizes.map((size, index) =>
      gemmCase(
        "tiled",
        size,
        transpositions[(index + splits) % transpositions.length] ?? transpositions[0],
        ` ${tileName(tile)} in ${splits}`,
        (device, args) => launchGemmTiled(device, args, { tile, splits }),
      ),
    );
  return [...cases(1), ...cases(3)];
};

/** Three products that follow one another: where a factor ends, the next begins. */
const batchedCases = ([m, n, k]: Size, tile: Tile): KernelCase[] =>
  transpositions.flatMap(([transposeA, transposeB], index) => {
    const [count, splits] = [3, 1 + (index % 2)];
    const launch = (device: Device, args: GemmArguments) =>
      launchGemmTiled(device, { ...args, count }, { tile, splits });
    const variant = ` ${count} times in ${splits}`;
    const nth = (data: ArrayLike<number>, product: number) =>
      Array.from(data).slice((product * data.length) / count, ((product + 1) * data.length) / count);
    return {
      ...gemmCase("tiled", [m, n, k], [transposeA, transposeB], variant, launch),
      inputs: () => ({ a: noise(count * m * k, 1), b: noise(count * k * n, 2) }),
      outputs: { y: count * m * n },
      reference: (inputs) => ({
        y: Float64Array.from(
          Array.from({ length: count }, (_, product) => {
            const [a, b] = [nth(values(inputs, "a"), product), nth(values(inputs, "b"), product)];
            return [...gemmReference(a, b, { m, n, k, transposeA, transposeB })];
          }).flat(),
        ),
      }),
      flops: 2 * count * m * n * k,
      bytes: 4 * count * (m * k + k * n + m * n),
    };
  });

export const gemmCases: readonly KernelCase[] = [
  ...configurationNames.gemm.flatMap((configuration) =>
    transpositions.flatMap((transposed) =>
      [...odd, ...(configuration === "plain" ? plainBench : bench)].map((size) =>
        gemmCase(configuration, size, transposed),
      ),
    ),
  ),
  ...tiles.flatMap(tiledCases),
  ...tiles
    .slice(-1)
    .flatMap((small) => [
      ...batchedCases([small.rows + 1, small.columns - 3, small.depth + 5], small),
      ...batchedCases([small.rows + 4, small.columns - 4, 2 * small.depth + 4], small),
    ]),
  ...transpositions.flatMap((transposed) => bench.map((size) => chosenCase(size, transposed))),
];
