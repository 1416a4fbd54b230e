/**
 * Which tile a *tiled* kernel uses, and into how many parts it splits k.
 *
 * WebGPU tells the vendor but neither cores nor registers, so each vendor stands for one GPU of its middle range, and tiles are weighed by what limits them:
 *
 * - 8 x 8 sums an invocation take as many cycles of workgroup memory as of arithmetic on NVIDIA's and Apple's cores, 8 x 4 a third more, 4 x 4 twice as many
 * - a tile that hangs over the edge computes zeros
 * - a core needs about 256 invocations of this kind to hide its latencies; where there are too few tiles, smaller ones or a split of k give more
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

/** CUTLASS's 128 x 128 of 8 x 8 sums needs 256 invocations with 100 registers each; half of it fills a GPU of half the size just as well. */
const large: Tile = { rows: 128, columns: 64, depth: 16, rowsHeld: 8, columnsHeld: 8 };
const medium: Tile = { rows: 64, columns: 64, depth: 16, rowsHeld: 8, columnsHeld: 8 };
const lean: Tile = { rows: 64, columns: 64, depth: 16, rowsHeld: 8, columnsHeld: 4 };
const small: Tile = { rows: 32, columns: 32, depth: 32, rowsHeld: 4, columnsHeld: 4 };

/** All tiles, for tests. */
export const tiles: readonly Tile[] = [large, medium, lean, small];

interface GpuClass {
  /** Streaming multiprocessors, compute units, Xe cores, GPU cores. */
  readonly cores: number;
  /** Tiles with their relative speeds where all cores are busy. */
  readonly tiles: readonly (readonly [tile: Tile, speed: number])[];
}

const byVendor: Readonly<Record<string, GpuClass>> = {
  nvidia: {
    cores: 46,
    tiles: [
      [large, 1],
      [medium, 0.9],
      [small, 0.5],
    ],
  },
  amd: {
    cores: 32,
    tiles: [
      [large, 1],
      [medium, 0.95],
      [small, 0.6],
    ],
  },
  apple: {
    cores: 16,
    tiles: [
      [medium, 1],
      [small, 0.6],
    ],
  },
};
const others: GpuClass = {
  cores: 8,
  tiles: [
    [lean, 1],
    [small, 0.75],
  ],
};

const invocationsPerCore = 256;
/** Steps of k below which writing and adding up parts costs more than it gains, and above which a chain of additions loses accuracy. */
const shortestShare = 256;
const longestShare = 8192;

/** The tile that should be fastest for a product, by an estimate, and the split of k that goes with it. */
export function choosePlan(device: Device, product: Product): TilePlan {
  const { rows, columns, depth, count = 1 } = product;
  const { cores, tiles } = byVendor[device.info.vendor.toLowerCase()] ?? others;
  const mostByMemory = Math.floor(device.limits.maxStorageBufferBindingSize / (4 * count * rows * columns));
  const most = Math.max(1, Math.min(Math.floor(depth / shortestShare), mostByMemory));
  let best: TilePlan = { tile: small, splits: 1 };
  let bestScore = 0;
  for (const [tile, speed] of tiles) {
    const groups = count * Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);
    const enough = (cores * invocationsPerCore) / invocationsOf(tile);
    const splits = Math.min(most, Math.max(Math.ceil(enough / groups), Math.ceil(depth / longestShare)));
    const useful = (count * rows * columns) / (groups * tile.rows * tile.columns);
    const score = speed * useful * Math.min(1, (groups * splits) / enough);
    if (score <= bestScore) continue;
    best = { tile, splits };
    bestScore = score;
  }
  return best;
}
