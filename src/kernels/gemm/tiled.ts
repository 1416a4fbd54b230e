/**
 * GEMM, tiled configuration, for GPUs: see `../tiled/tile.ts` for the inner loop, `../tiled/plan.ts` for the choice of tile.
 *
 * Either factor is loaded along its contiguous axis, so all four transpositions are coalesced. Where there are too few tiles for the GPU, or k is so long that
 * a chain of additions would lose accuracy, k is split and the parts are added up in order. Where an extent isn't a multiple of 4, loads and stores go by element.
 */
import type { Device } from "../../gpu/device.ts";
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { inParts } from "../channel-sum.ts";
import { choosePlan, type TilePlan } from "../tiled/plan.ts";
import {
  type Block,
  blockOf,
  forEachSum,
  invocationsOf,
  sumOverTiles,
  type Tile,
  tileMemory,
  tileName,
} from "../tiled/tile.ts";
import { components, memoise, unroll } from "../unroll.ts";
import type { GemmArguments } from "./gemm.ts";

interface GemmTile {
  readonly tile: Tile;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Every row of a, b and y is a whole number of vec4s. */
  readonly quads: boolean;
}

/** A function that gives the vec4 at element `at` of a `line` of a factor, whose matrix begins with line `base`; zeros outside. */
const loader = (factor: "a" | "b", quads: boolean) => wgsl`
fn load_${factor}(base: i32, line: i32, at: i32, lines: i32, extent: i32) -> quad {
  var value = quad(0);
  if ((line < lines) & (at < extent)) {
    let start = (base + line) * extent + at;
    ${
      quads
        ? `value = ${factor}[start / 4];`
        : unroll(4, (u) => `if (at + ${u} < extent) { value.${components[u]} = ${factor}[start + ${u}]; }`)
    }
  }
  return value;
}`;

const storeQuads = wgsl`if (first_column + column < n) { y[(start + column) / 4] = sum; }`;
const storeScalars = unroll(
  4,
  (u) => `if (first_column + column + ${u} < n) { y[start + column + ${u}] = sum.${components[u]}; }`,
);

const gemmTiled = memoise(({ tile, transposeA, transposeB, quads }: GemmTile) => {
  const element = quads ? "quad" : "scalar";
  const letters = `${transposeA ? "t" : "n"}${transposeB ? "t" : "n"}`;
  const a: Block = transposeA
    ? {
        along: "lines",
        load: (j) => `load_a(index * params.k, k + ${j}, first_row + block_line, params.k, m)`,
      }
    : { along: "k", load: (j) => `load_a(index * m, first_row + block_line + ${j}, k, m, params.k)` };
  const b: Block = transposeB
    ? { along: "k", load: (j) => `load_b(index * n, first_column + block_line + ${j}, k, n, params.k)` }
    : {
        along: "lines",
        load: (j) => `load_b(index * params.k, k + ${j}, first_column + block_line, params.k, n)`,
      };
  return kernel(`gemm_tiled_${tileName(tile)}_${letters}${quads ? "_quads" : ""}`, {
    read: { a: element, b: element },
    write: { y: element },
    params: {
      m: "i32",
      n: "i32",
      k: "i32",
      share: "i32",
      tilesDown: "i32",
      tilesAcross: "i32",
      count: "i32", // of products
      splits: "i32",
    },
    groups: ({ tilesDown, tilesAcross, count, splits }) => tilesDown * tilesAcross * count * splits,
    workgroupSize: invocationsOf(tile),
    declarations: `${tileMemory(tile)}${loader("a", quads)}${loader("b", quads)}`,
    body: wgsl`
    let m = params.m;
    let n = params.n;
    let first_column = i32(group) % params.tilesAcross * ${tile.columns};
    let first_row = i32(group) / params.tilesAcross % params.tilesDown * ${tile.rows};
    let product = i32(group) / (params.tilesAcross * params.tilesDown);
    let index = product % params.count;
    let part = product / params.count;
    ${blockOf(tile)}
    let end = min((part + 1) * params.share, params.k);
    var k = part * params.share + block_step;
    ${sumOverTiles(tile, {
      loop: `var first = part * params.share; first < end; first += ${tile.depth}`,
      advance: `k += ${tile.depth};`,
      a,
      b,
    })}
    ${forEachSum(
      tile,
      wgsl`if (first_row + row >= m) { return; }
      let start = (product * m + first_row + row) * n + first_column;`,
      quads ? storeQuads : storeScalars,
    )}`,
  });
});

/** Whether there is a tile's worth of rows and columns: a matrix and a vector have nothing to share. */
export function suitsTiled({ m, n }: GemmArguments): boolean {
  return m >= 8 && n >= 8;
}

export interface BatchedGemmArguments extends GemmArguments {
  /** Products of the same extents, whose factors and results follow one another; 1 by default. */
  readonly count?: number;
}

export function launchGemmTiled(device: Device, args: BatchedGemmArguments, plan?: TilePlan): void {
  const { m, n, k, transposeA, transposeB, a, b, y, count = 1 } = args;
  const { tile, splits } = plan ?? choosePlan(device, { rows: m, columns: n, depth: k, count });
  const extents = [n, transposeA ? m : k, transposeB ? k : n];
  const quads = extents.every((extent) => extent % 4 === 0);
  inParts(device, y, count * m * n, splits, (y) =>
    gemmTiled({ tile, transposeA, transposeB, quads })(device, {
      ...{ a, b, y, m, n, k, count, splits },
      share: Math.ceil(k / (splits * tile.depth)) * tile.depth,
      tilesDown: Math.ceil(m / tile.rows),
      tilesAcross: Math.ceil(n / tile.columns),
    }),
  );
}
