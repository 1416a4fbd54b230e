/**
 * Products of matrices in panels that keep a part of b in registers and walk down the rows of a, for lavapipe and its texels.
 *
 * An accumulator that a loop carries costs three operations an iteration, where an addition is one: lavapipe selects the lanes that are active. `panel-loop.ts` pays that for every 4 k, and its
 * 32 rows of accumulators don't fit the processor's registers. Here a sum is finished within an iteration, over up to 256 k written out, so nothing is carried. b's panel stays where LLVM
 * spills it, in the first cache, and is an operand of the multiplication. Longer sums go over b part by part, and y holds them between.
 *
 * As many rows at a time as make 2,300 instructions: loops must fit the cache of 32 KB. CPU ms of the loop over k and of 1, 2, 4 and 8 rows, 36 products on lavapipe, 8 lanes, copies not counted:
 *
 * | | loop | 1 | 2 | 4 | 8 |
 * |---|---|---|---|---|---|
 * | 1024x32x32 | 4.31 | 3.21 | 2.90 | 2.83 | 2.95 |
 * | 256x64x64 | 3.50 | 2.64 | 2.51 | 2.47 | 3.16 |
 * | 64x128x128 | 3.14 | 2.40 | 2.29 | 3.05 | 3.06 |
 *
 * With copies, 128x256x256 26.1 and 19.0; one of 512^3 10.6 and 8.2, 1024^3 83 and 64, in parts of 256 k; in parts of 128, 64 and 32 k 67, 77 and 83. Down the columns of a four rows at a time come for one load, so parts are of
 * 64 k: 128x64x128 3.76 and 2.72, two parts 1.13 times as fast as the loop, four 0.96, sixteen 0.8. 8x4096x4096, where b is most of the work, 58 and 31.
 * Rejected: rows of a from buffers where they are read once (CPU 0.94, wall time 0.9 for 32 columns; half as fast for 128; compiles twice as long).
 */
import type { Device } from "../../gpu/device.ts";
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { cut, fromLane } from "../subgroups.ts";
import { components, elementOf, memoise, unroll } from "../unroll.ts";
import {
  type PanelProductArguments,
  type ProductForm,
  panelArguments,
  panelGroups,
  panelParams,
  panelPlace,
} from "./panel-product.ts";

/** Steps of a part of b: few different ones, since each is a kernel of its own that takes 0.1 to 1.4 s to compile. 25 are a hundred classes, for which the loop's kernel would be compiled (1.0 s in place of 0.4). */
const partSteps = [64, 48, 32, 25, 24, 16, 8, 7, 6, 5, 4, 3, 2, 1];
/** Rows that a workgroup should have for each panel that it loads. */
const leastRows = 32;
/** Workgroups that keep the cores equally busy. */
const busyGroups = 16;

interface Tile {
  readonly lanes: number;
  readonly form: ProductForm;
  /** Of four k, of a part of b. */
  readonly steps: number;
  /** Whether there are several parts. */
  readonly inParts: boolean;
}

/** Steps of the parts that b is taken in; undefined where a loop over k is faster. */
export function residentSteps({ form, steps, splits = 1 }: PanelProductArguments): number | undefined {
  const downColumns = form === "columns_columns";
  const size = partSteps.find((each) => steps % each === 0 && (each <= 16 || !downColumns)) ?? 1;
  const parts = steps / size;
  const suits = parts === 1 || (size >= 16 && (parts === 2 || !downColumns));
  return suits && parts >= splits ? size : undefined;
}

/** Rows at a time: those of one load down the columns, or what fits the cache. */
const rowsOf = ({ form, steps }: Tile) =>
  form === "columns_columns" ? 4 : Math.max(1, Math.min(4, Math.floor(64 / steps)));

const read = (factor: "a" | "b", at: string) => elementOf(true, factor, at);

/** Four columns a lane of a part of b's panel: `b0`, `b1`, ..., one for each k. */
function loadB({ lanes, form, steps }: Tile): string {
  if (form !== "rows_rows") {
    return wgsl`let atB = point * params.pointB + panel * params.panelB + 4 * first * params.rowB + column;
      ${unroll(4 * steps, (k) => `let b${k} = ${read("b", `atB + ${k} * params.rowB`)};`)}`;
  }
  return wgsl`let atB = point * params.pointB + (panel * lanes + column) * 4 * params.rowB + first / lanes * params.panelB;
      ${unroll(steps, (s) => {
        const at = `atB + ${Math.floor(s / lanes)} * params.panelB + ${s % lanes}`;
        const rows = unroll(4, (j) => `let row${s}_${j} = ${read("b", `${at} + ${j} * params.rowB`)};`);
        const turned = components.map((u, k) => {
          return `let b${4 * s + k} = quad(row${s}_0.${u}, row${s}_1.${u}, row${s}_2.${u}, row${s}_3.${u});`;
        });
        return `${rows}\n    ${turned.join("\n    ")}`;
      })}`;
}

/** The rows of a: of each, four k a lane; or four columns, with a k of its own for each lane. */
function loadA({ lanes, form, steps, rows }: Tile & { rows: number }): string {
  if (form === "columns_columns") {
    return wgsl`let rowQuad = firstRow / 4;
      let atA = point * params.pointA + rowQuad / lanes * params.panelA + rowQuad % lanes + (4 * first + column) * params.rowA;
      ${unroll(Math.ceil((4 * steps) / lanes), (g) => `let a${g} = ${read("a", `atA + ${g * lanes} * params.rowA`)};`)}`;
  }
  return unroll(rows, (r) => {
    const at = `point * params.pointA + row${r} * params.rowA + first / lanes * params.panelA + column`;
    const loads = unroll(Math.ceil(steps / lanes), (g) => {
      return `let a${r}_${g} = ${read("a", `atA${r} + ${g} * params.panelA`)};`;
    });
    return `let atA${r} = ${at};\n    ${loads}`;
  });
}

/** Finishes the sums of a part: `sum0`, `sum1`, ..., one for each row. */
function multiply({ lanes, form, steps, rows }: Tile & { rows: number }): string {
  if (form === "columns_columns") {
    return unroll(4 * steps, (k) => {
      const sums = components.map((u, r) => `sum${r} += r.${u} * b${k};`).join(" ");
      return `{ let r = ${fromLane(lanes)}(a${Math.floor(k / lanes)}, ${k % lanes}u); ${sums} }`;
    });
  }
  return unroll(steps, (s) =>
    unroll(rows, (row) => {
      const sums = components.map((u, k) => `sum${row} += r.${u} * b${4 * s + k};`).join(" ");
      return `{ let r = ${fromLane(lanes)}(a${row}_${Math.floor(s / lanes)}, ${s % lanes}u); ${sums} }`;
    }),
  );
}

const panelResident = memoise((tile: Tile) => {
  const { lanes, form, steps, inParts } = tile;
  const rows = rowsOf(tile);
  const tileOfRows = { ...tile, rows };
  return kernel(`gemm_resident_${form}_${lanes}_${steps}${inParts ? "_parts" : ""}`, {
    read: { a: "texels", b: "texels" },
    write: { y: "quad" },
    params: { ...panelParams, parts: "i32", share: "i32" }, // share: rows of a tile
    ...panelGroups,
    workgroupSize: lanes,
    constants: { lanes },
    body: wgsl`${panelPlace}
    let firstPart = split * params.parts / params.splits;
    let lastRow = params.rows - 1;
    let end = min((tile + 1) * params.share, params.rows);
    let atY = product * params.pointY + panel * params.panelY + column;
    for (var part = firstPart; part < (split + 1) * params.parts / params.splits; part++) {
      let first = part * ${steps};
      ${loadB(tile)}
      for (var firstRow = tile * params.share; firstRow < end; firstRow += ${rows}) {
        // Behind the last row comes the last row again, with the same sums; down columns there's none behind it, since rows come in fours.
        ${unroll(rows, (r) => `let row${r} = min(firstRow + ${r}, lastRow); let atY${r} = atY + row${r} * params.rowY;`)}
        ${loadA(tileOfRows)}
        ${unroll(rows, (r) => `var sum${r} = quad(0);`)}
        ${inParts ? `if (part > firstPart) { ${unroll(rows, (r) => `sum${r} = y[atY${r}];`)} }` : ""}
        ${cut("params.rows < 0")}
        ${multiply(tileOfRows)}
        if (panel * lanes + column < params.quads) { ${unroll(rows, (r) => `y[atY${r}] = sum${r};`)} }
      }
    }`,
  });
});

/** Encodes y = op(a) op(b) for every point, from texels. @param steps of a part, from `residentSteps` */
export function multiplyResident(device: Device, args: PanelProductArguments, steps: number): void {
  const given = panelArguments(device, args);
  const { rows, panels, points, splits } = given;
  const parts = args.steps / steps;
  const tile: Tile = { lanes: device.info.subgroupSize, form: args.form, steps, inParts: parts > splits };
  const tiles = Math.min(Math.ceil(busyGroups / (panels * points * splits)), Math.ceil(rows / leastRows));
  const atATime = rowsOf(tile);
  const share = Math.ceil(rows / tiles / atATime) * atATime;
  panelResident(tile)(device, { ...given, parts, tiles, share });
}
