/**
 * Batched products of matrices that are stored in panels, on software Vulkan; convolutions are made of them.
 *
 * A *panel* is what a subgroup computes the columns of: a vec4 of columns a lane. Strides say where a matrix has its rows, its panels and its points (the matrices of
 * a batch): panels can follow one another, row by row, which a kernel's own temporaries do, or a matrix can have whole rows. In panels, a subgroup finds what
 * it loads close together in either order: along the rows of a panel, or down them.
 * The tile and its inner loop are those of `subgroup.ts`; nothing is packed.
 *
 * Products of Winograd's algorithm on lavapipe, 8 lanes, CPU ms from buffers and from texels, copies not counted: 36 of 1024x32x32 9.5 and 6.8, 256x64x64 8.1 and 5.5, 64x128x128 7.4
 * and 4.8 (the filter gradient's 6.9 and 3.9, 6.6 and 4.1, 7.7 and 4.9). With copies, a VGG step of quarter width takes 0.84 times as long; if only what is read four times is copied, 0.88.
 * Rejected, with texels: 16, 24, 48 and 64 rows (0.90, 0.97, 0.83 and 1.05 times as fast), eight steps in place of four (0.9 to 1.1), stores in a loop (0.97). From buffers, where loads were
 * 42 % of the time: b in workgroup memory for four or sixteen tiles (2 %, 8 %), panels of four lanes for 16 columns, other rows for each quad (16->16@32 at batch 64 18.6 ms
 * in place of the direct kernels' 21.1), subgroups of 16 lanes (51 to 65 GFLOP/s for 45 to 60), whole rows or whole columns one after the other (35 to 43 for the filter gradient).
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { suitsTexels } from "../../gpu/texel-textures.ts";
import { cut, fromLane } from "../subgroups.ts";
import { components, elementOf, memoise, unroll } from "../unroll.ts";

/**
 * What is multiplied:
 * - `rows_rows`: y[r, c] = sum over k of a[r, k] b[c, k]
 * - `rows_columns`: y[r, c] = sum over k of a[r, k] b[k, c]
 * - `columns_columns`: y[r, c] = sum over k of a[k, r] b[k, c]
 */
export type ProductForm = "rows_rows" | "rows_columns" | "columns_columns";

/** Where a matrix lies: steps from row to row, panel to panel, and point to point, in vec4s. */
export interface PanelStrides {
  readonly row: number;
  readonly panel: number;
  readonly point: number;
}

/** Of a single matrix with whole rows of `quads` vec4s. */
export const wholeRows = (device: Device, quads: number): PanelStrides => ({
  row: quads,
  panel: device.info.subgroupSize,
  point: 0,
});

interface Product {
  readonly lanes: number;
  readonly form: ProductForm;
  /** Whether the factors are read as texels. */
  readonly texels: boolean;
}

const read = ({ texels }: Product, factor: "a" | "b", index: string) => elementOf(texels, factor, index);

const loads = {
  /** Each lane the same four columns of rows of its own. */
  alongRows: (product: Product) => wgsl`
      let atA = firstA + step / lanes * params.panelA + step % lanes;
      ${unroll(4, (r) => `let a${r} = ${read(product, "a", `atA + ${r * product.lanes} * params.rowA`)};`)}`,
  /** Each lane columns of its own of the same four rows. */
  downColumns: (product: Product) => wgsl`
      let atA = firstA + step * 4 * params.rowA;
      ${unroll(4, (u) => `let a${u} = ${read(product, "a", `atA + ${u} * params.rowA`)};`)}`,
  columnsOfB: (product: Product) => wgsl`
      let atB = firstB + step * 4 * params.rowB;
      ${unroll(4, (u) => `let b${u} = ${read(product, "b", `atB + ${u} * params.rowB`)};`)}`,
  /** Four rows of b a lane, turned in registers. */
  rowsOfB: (product: Product) => wgsl`
      let atB = firstB + step / lanes * params.panelB + step % lanes;
      ${unroll(4, (j) => `let row${j} = ${read(product, "b", `atB + ${j} * params.rowB`)};`)}
      ${components.map((u, k) => `let b${k} = quad(row0.${u}, row1.${u}, row2.${u}, row3.${u});`).join("\n      ")}`,
};

/** Adds four steps to each of the tile's accumulators. */
function multiply({ lanes, form }: Product): string {
  if (form !== "columns_columns") {
    return unroll(4 * lanes, (row) => {
      const products = components.map((u, k) => ` sum${row} += r.${u} * b${k};`).join("");
      return `{ let r = ${fromLane(lanes)}(a${Math.floor(row / lanes)}, ${row % lanes}u);${products} }`;
    });
  }
  return unroll(lanes, (z) => {
    const rows = unroll(4, (k) => `let r${k} = ${fromLane(lanes)}(a${k}, ${z}u);`);
    const products = components.map((u, j) => unroll(4, (k) => `sum${4 * z + j} += r${k}.${u} * b${k};`));
    return `{ ${rows}\n    ${products.join("\n    ")} }`;
  });
}

const panelProduct = memoise((product: Product) => {
  const { lanes, form, texels } = product;
  const alongA = form !== "columns_columns";
  const alongB = form === "rows_rows";
  const element = texels ? "texels" : "quad";
  return kernel(`gemm_panels_${form}_${lanes}${texels ? "_texels" : ""}`, {
    read: { a: element, b: element },
    write: { y: "quad" },
    params: {
      ...{ rowA: "i32", panelA: "i32", pointA: "i32" },
      ...{ rowB: "i32", panelB: "i32", pointB: "i32" },
      ...{ rowY: "i32", panelY: "i32", pointY: "i32" },
      ...{ rows: "i32", quads: "i32", tiles: "i32", panels: "i32" }, // quads: vec4s of columns
      ...{ steps: "i32", points: "i32", splits: "i32" },
    },
    groups: ({ tiles, panels, points, splits }) => tiles * panels * points * splits,
    subgroups: true,
    workgroupSize: lanes,
    constants: { lanes },
    body: wgsl`
    let panel = i32(group) % params.panels;
    let tile = i32(group) / params.panels % params.tiles;
    let product = i32(group) / (params.panels * params.tiles);
    let point = product % params.points;
    let split = product / params.points;
    let firstRow = tile * 4 * lanes;
    let column = i32(lane);
    let firstA = point * params.pointA + ${alongA ? "(firstRow + column) * params.rowA" : "tile * params.panelA + column"};
    let firstB = point * params.pointB + ${alongB ? "(panel * lanes + column) * 4 * params.rowB" : "panel * params.panelB + column"};
    ${unroll(4 * lanes, (row) => `var sum${row} = quad(0);`)}
    let end = (split + 1) * params.steps / params.splits;
    for (var step = split * params.steps / params.splits; step < end; step++) {
      ${(alongA ? loads.alongRows : loads.downColumns)(product)}
      ${(alongB ? loads.rowsOfB : loads.columnsOfB)(product)}
      ${cut("params.steps < 0")}
      ${multiply(product)}
    }
    if (panel * lanes + column >= params.quads) { return; }
    let atY = product * params.pointY + panel * params.panelY + firstRow * params.rowY + column;
    ${unroll(4 * lanes, (row) => `if (firstRow + ${row} < params.rows) { y[atY + ${row} * params.rowY] = sum${row}; }`)}`,
  });
});

export interface PanelProductArguments {
  readonly form: ProductForm;
  readonly a: BufferView;
  readonly b: BufferView;
  /** Overwritten: rows up to `rows`, columns up to `4 quads`; the sums of the splits after one another, each with all points. */
  readonly y: BufferView;
  readonly strides: { readonly a: PanelStrides; readonly b: PanelStrides; readonly y: PanelStrides };
  readonly rows: number;
  readonly quads: number;
  /** Of four k. What they read beyond a matrix's rows or columns must be there, and be zero in one factor. */
  readonly steps: number;
  readonly points?: number;
  /** Parts that the sum over k is split into; 1 by default. */
  readonly splits?: number;
}

/** Encodes y = op(a) op(b) for every point. 8 rows quads 4 steps operations a point. */
export function multiplyPanels(device: Device, args: PanelProductArguments): void {
  const { form, a, b, y, strides, rows, quads, steps, points = 1, splits = 1 } = args;
  const lanes = device.info.subgroupSize;
  panelProduct({ lanes, form, texels: suitsTexels(device, a, b) })(device, {
    ...{ a, b, y, rows, quads, steps, points, splits },
    ...{ rowA: strides.a.row, panelA: strides.a.panel, pointA: strides.a.point },
    ...{ rowB: strides.b.row, panelB: strides.b.panel, pointB: strides.b.point },
    ...{ rowY: strides.y.row, panelY: strides.y.panel, pointY: strides.y.point },
    tiles: Math.ceil(rows / (4 * lanes)),
    panels: Math.ceil(quads / lanes),
  });
}
