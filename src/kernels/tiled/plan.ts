/**
 * Which tile a *tiled* kernel uses, and into how many parts it splits k.
 *
 * What limits a product is estimated in multiply-adds: the workgroups that run at once on the GPU's cores make a wave, and
 *
 *     cost = waves * workgroups of a wave * (steps of k + 16) * tile area / speed + (parts > 1) * (a launch + 30 for each sum of each part)
 *
 * - a wave that isn't full takes as long as one that is; a tile that hangs over the edge computes zeros
 * - starting, filling the tiles and storing the sums take as long as 16 steps
 * - a core has registers for about 384 invocations that hold 8 x 8 sums each, three of the largest workgroups
 * - 4 x 4 sums an invocation need twice the workgroup memory's cycles for their arithmetic
 *
 * Fitted to 3,000 timings of 116 products on an H200: what it chooses takes 1.03 times as long as the best of each (decisions.md). Other GPUs differ in their cores, which
 * WebGPU doesn't tell: by the adapter's name, where it has one, or else those of a GPU of the vendor's middle range.
 *
 * Intel's compiler has 128 registers of 32 bytes a thread, which 8 x 8 sums for 16 lanes would fill: 8 x 4 there, as on GPUs that aren't known.
 */
import type { Device } from "../../gpu/device.ts";
import { invocationsOf, type Tile } from "./tile.ts";

export interface TilePlan {
  readonly tile: Tile;
  /** Parts of k that are computed apart and added up in order. */
  readonly splits: number;
}

/** The extents of a product as the kernel sees it. */
interface Product {
  readonly rows: number;
  readonly columns: number;
  /** Steps of k. */
  readonly depth: number;
  /** Products of the same extents that one launch computes; 1 by default. */
  readonly count?: number;
}

/** CUTLASS's 128 x 128 of 8 x 8 sums needs 256 invocations and more than 16 KiB; half of it fills a GPU as well: without it the best tile of a product takes 1.01 times as long, on average, on the H200. */
const large: Tile = { rows: 128, columns: 64, depth: 16, rowsHeld: 8, columnsHeld: 8 };
const medium: Tile = { rows: 64, columns: 64, depth: 16, rowsHeld: 8, columnsHeld: 8 };
const lean: Tile = { rows: 64, columns: 64, depth: 16, rowsHeld: 8, columnsHeld: 4 };
const small: Tile = { rows: 32, columns: 32, depth: 32, rowsHeld: 4, columnsHeld: 4 };

/** All tiles, for tests. */
export const tiles: readonly Tile[] = [large, medium, lean, small];

/** Tiles with their relative speeds where all cores are busy. */
type Speeds = readonly (readonly [tile: Tile, speed: number])[];
const bySums: Speeds = [
  [large, 1],
  [medium, 1],
  [small, 0.55],
];
const withFewRegisters: Speeds = [
  [lean, 1],
  [small, 0.75],
];

interface GpuClass {
  /** Streaming multiprocessors, compute units, Xe cores, GPU cores. */
  readonly cores: number;
  readonly tiles: Speeds;
}

const byVendor: Readonly<Record<string, GpuClass>> = {
  nvidia: { cores: 46, tiles: bySums },
  amd: { cores: 32, tiles: bySums },
  apple: { cores: 16, tiles: bySums },
};
const others: GpuClass = { cores: 8, tiles: withFewRegisters };

/** Where the adapter has a name, as in Node. */
const coresByName: readonly (readonly [name: RegExp, cores: number])[] = [
  [/h[12]00\b/, 132],
  [/a100\b/, 108], // not an RTX A1000
  [/4090\b/, 128],
  [/3090\b/, 82],
];

const invocationsPerCore = 384;
/** In steps of k. */
const fixedSteps = 16;
/** In multiply-adds: of a core, and for each element of a part. */
const launchOfSum = 22_000;
const storeAndAdd = 30;
/** Steps of k below which a part isn't worth its start, and above which a chain of additions loses accuracy. */
const shortestShare = 128;
const longestShare = 8192;
/** Powers of two and what lies in the middle. */
const splitCounts = Array.from({ length: 10 }, (_, power) => [2 ** power, 3 * 2 ** power]).flat();

/** The tile that should be fastest for a product, by an estimate, and the split of k that goes with it. */
export function choosePlan(device: Device, product: Product): TilePlan {
  const { rows, columns, depth, count = 1 } = product;
  const { cores, tiles } = classOf(device);
  const sums = count * rows * columns;
  const least = Math.ceil(depth / longestShare);
  const mostByMemory = Math.floor(device.limits.maxStorageBufferBindingSize / (4 * sums));
  const most = Math.max(1, Math.min(Math.floor(depth / shortestShare), mostByMemory));
  const candidates = new Set(
    splitCounts.map((splits) => Math.max(1, Math.min(most, Math.max(least, splits)))),
  );
  let best: TilePlan = { tile: small, splits: 1 };
  let bestCost = Number.POSITIVE_INFINITY;
  for (const [tile, speed] of tiles) {
    const tilesOfProduct = count * Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);
    const wave = (cores * invocationsPerCore) / invocationsOf(tile);
    for (const splits of candidates) {
      const workgroups = Math.ceil((tilesOfProduct * splits) / wave) * wave;
      const steps = Math.ceil(depth / splits) + fixedSteps;
      const adding = splits > 1 ? cores * launchOfSum + storeAndAdd * splits * sums : 0;
      const cost = (workgroups * steps * tile.rows * tile.columns) / speed + adding;
      if (cost >= bestCost) continue;
      best = { tile, splits };
      bestCost = cost;
    }
  }
  return best;
}

function classOf({ info }: Device): GpuClass {
  const ofVendor = byVendor[info.vendor.toLowerCase()] ?? others;
  const named = coresByName.find(([name]) => name.test(info.device.toLowerCase()));
  return named ? { ...ofVendor, cores: named[1] } : ofVendor;
}
