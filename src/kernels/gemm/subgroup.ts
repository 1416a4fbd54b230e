/**
 * GEMM, subgroup configuration, for adapters that compute on the CPU.
 *
 * Factors whose rows are whole vec4s are read where they lie, by the product of `panels.ts`; others are packed for the kernel here, which needs nothing of them. On
 * lavapipe, 8 lanes, ms packed and not: 64x128x128 0.34 and 0.15, 32x512x512 1.4 to 2.0 and 0.5 to 0.6, 512^3 8.3 and 6.6, 1024^3 57 and 50.
 *
 * There every float that a subgroup loads costs about ten instructions, and a broadcast from a neighbour's register one or two. So a workgroup is one
 * subgroup, which keeps 32 rows by 4 columns a lane in registers; for four steps of k it loads one vec4 of a for each row, lane by lane, and
 * four of b, and broadcasts a. The four updates of an accumulator stand together: one that lives across an iteration is reloaded.
 *
 * 512^3 on lavapipe with 8 lanes, quiet machine: 57 GFLOP/s, 45 with packing. Tried in prototypes: this 53 to 55; b loaded before a 37; 16 rows 43; 64 rows 44;
 * two k-steps in place of four 28 to 33; two vec4s of columns a lane 22 to 46; workgroup memory and barriers 13; no subgroups 25.
 */
import type { Device } from "../../gpu/device.ts";
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { suitsTexels } from "../../gpu/texel-textures.ts";
import { inParts } from "../channel-sum.ts";
import { cut, fromLane } from "../subgroups.ts";
import { components, elementOf, memoise, unroll } from "../unroll.ts";
import type { GemmArguments } from "./gemm.ts";
import { packColumns, packRows } from "./pack.ts";
import { type ProductForm, wholeRows } from "./panel-product.ts";
import { multiplyPanels } from "./panels.ts";

const tileRows = 32;
/** Steps of k above which a chain of additions loses accuracy: k is split then, and the parts are added up in order. */
const longestChain = 4096;

interface GemmTile {
  readonly lanes: number;
  /** N is a multiple of 4: y is stored as vec4s. */
  readonly quads: boolean;
  /** Whether the packed factors are read as texels. */
  readonly texels: boolean;
}

const storeQuads = wgsl`y[at / 4] = sum;`;
const storeScalars = wgsl`for (var u = 0; u < min(4, params.n - column); u++) { y[at + u] = sum[u]; }`;

export const gemmSubgroup = memoise(({ lanes, quads, texels }: GemmTile) =>
  kernel(`gemm_subgroup_${lanes}${quads ? "_quads" : ""}${texels ? "_texels" : ""}`, {
    read: texels ? { a: "texels", b: "texels" } : { a: "quad", b: "quad" },
    write: { y: quads ? "quad" : "scalar" },
    params: { m: "i32", n: "i32", quarters: "i32", share: "i32", rows: "i32", blocks: "i32", splits: "i32" }, // quarters: steps of four k; share: those of a part
    groups: ({ rows, blocks, splits }) => (rows / tileRows) * blocks * splits,
    subgroups: true,
    workgroupSize: lanes,
    constants: { tileRows, lanes },
    body: wgsl`
    let rows = params.rows;
    let tiles = rows / tileRows;
    let block = i32(group) % params.blocks;
    let firstRow = i32(group) / params.blocks % tiles * tileRows;
    let part = i32(group) / (params.blocks * tiles);
    let first = part * params.share;
    let end = min(first + params.share, params.quarters);
    var ia = first * rows + firstRow + i32(lane);
    var ib = (block * params.quarters + first) * 4 * lanes + i32(lane);
    ${unroll(tileRows, (row) => `var sum${row} = quad(0);`)}
    for (var step = first; step < end; step++) {
    ${unroll(tileRows / lanes, (r) => `let a${r} = ${elementOf(texels, "a", `ia + ${r * lanes}`)};`)}
    ${unroll(4, (u) => `let b${u} = ${elementOf(texels, "b", `ib + ${u * lanes}`)};`)}
    ${cut("params.n < 0")}
    ${unroll(
      tileRows,
      (row) =>
        `{ let r = ${fromLane(lanes)}(a${Math.floor(row / lanes)}, ${row % lanes}u);` +
        `${components.map((u, k) => ` sum${row} += r.${u} * b${k};`).join("")} }`,
    )}
      ia += rows;
      ib += 4 * lanes;
    }
    let column = (block * lanes + i32(lane)) * 4;
    if (column >= params.n) { return; }
    ${unroll(
      tileRows,
      (row) => `if (firstRow + ${row} < params.m) {
      let at = (part * params.m + firstRow + ${row}) * params.n + column;
      let sum = sum${row};
      ${quads ? storeQuads : storeScalars}
    }`,
    )}`,
  }),
);

/** Extents of the packed factors. */
function packedExtents(lanes: number, { m, n, k }: Pick<GemmArguments, "m" | "n" | "k">) {
  return {
    quarters: Math.ceil(k / 4),
    rows: Math.ceil(m / tileRows) * tileRows,
    blocks: Math.ceil(n / (4 * lanes)),
  };
}

/** Whether the tiles are worth filling, and factors that are packed fit the adapter's bindings. */
export function suitsSubgroup(device: Device, args: GemmArguments): boolean {
  const lanes = device.info.subgroupSize;
  const { quarters, rows, blocks } = packedExtents(lanes, args);
  const largest = 16 * quarters * Math.max(rows, blocks * 4 * lanes);
  const fits = unpackedForm(args) !== undefined || largest <= device.limits.maxStorageBufferBindingSize;
  return args.m >= 8 && args.n >= 8 && fits;
}

export function launchGemmSubgroup(device: Device, args: GemmArguments): void {
  const { m, n, k } = args;
  const form = unpackedForm(args);
  const mostByMemory = Math.floor(device.limits.maxStorageBufferBindingSize / (4 * m * n));
  const splits = Math.max(1, Math.min(Math.ceil(k / longestChain), mostByMemory));
  inParts(device, args.y, m * n, splits, (y) => {
    if (form) launchUnpacked(device, { ...args, y }, form, splits);
    else launchPacked(device, { ...args, y }, splits);
  });
}

/** The product of `panels.ts` that this is, where the factors' rows are whole vec4s. */
function unpackedForm({ m, n, k, transposeA, transposeB }: GemmArguments): ProductForm | undefined {
  if (n % 4 || k % 4 || (transposeA && (transposeB || m % 4))) return undefined;
  if (transposeA) return "columns_columns";
  return transposeB ? "rows_rows" : "rows_columns";
}

function launchUnpacked(device: Device, args: GemmArguments, form: ProductForm, splits: number): void {
  const { m, n, k, transposeA, transposeB, a, b, y } = args;
  const rows = (length: number) => wholeRows(device, length / 4);
  const ofY = { ...rows(n), point: (m * n) / 4 };
  const strides = { a: rows(transposeA ? m : k), b: rows(transposeB ? k : n), y: ofY };
  multiplyPanels(device, { form, a, b, y, strides, rows: m, quads: n / 4, steps: k / 4, splits });
}

function launchPacked(device: Device, args: GemmArguments, splits: number): void {
  const { m, n, k, transposeA, transposeB, a, b, y } = args;
  const lanes = device.info.subgroupSize;
  const { quarters, rows, blocks } = packedExtents(lanes, args);
  const steps = quarters * 4;

  const countA = quarters * rows;
  const packedA = device.allocate(16 * countA, "gemm packed a");
  const [aRow, aStep] = transposeA ? [1, m] : [k, 1];
  packRows(device, { a, packed: packedA, count: countA, m, k, rows, rowStride: aRow, stepStride: aStep });

  const countB = blocks * steps * lanes;
  const packedB = device.allocate(16 * countB, "gemm packed b");
  const [bColumn, bStep] = transposeB ? [k, 1] : [1, n];
  const strides = { columnStride: bColumn, stepStride: bStep };
  packColumns(device, { b, packed: packedB, count: countB, n, k, steps, lanes, ...strides });

  gemmSubgroup({ lanes, quads: n % 4 === 0, texels: suitsTexels(device, packedA, packedB) })(device, {
    a: packedA,
    b: packedB,
    y,
    m,
    n,
    quarters,
    share: Math.ceil(quarters / splits),
    rows,
    blocks,
    splits,
  });
  device.release(packedA);
  device.release(packedB);
}
