/**
 * Batched products of matrices that are stored in panels: what is multiplied, and where it lies.
 *
 * A *panel* is what a subgroup computes the columns of: a vec4 of columns a lane. Strides say where a matrix has its rows, its panels and its points (the matrices of
 * a batch): panels can follow one another, row by row, which a kernel's own temporaries do, or a matrix can have whole rows. In panels, a subgroup finds what
 * it loads close together in either order: along the rows of a panel, or down them.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { wgsl } from "../../gpu/kernel.ts";

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

export interface PanelProductArguments {
  readonly form: ProductForm;
  readonly a: BufferView;
  readonly b: BufferView;
  /** Overwritten: rows up to `rows`, columns up to `4 quads`; the sums of the splits after one another, each with all points. */
  readonly y: BufferView;
  readonly strides: { readonly a: PanelStrides; readonly b: PanelStrides; readonly y: PanelStrides };
  /** Of y; a multiple of 4 where they are columns of a. */
  readonly rows: number;
  /** Columns of y, in vec4s. */
  readonly quads: number;
  /** Of four k. What they read beyond a matrix's rows or columns must be there, and be zero in one factor. */
  readonly steps: number;
  readonly points?: number;
  /** Parts that the sum over k is split into; 1 by default. */
  readonly splits?: number;
}

/** Parameters of the kernels: where matrices lie, and how many panels, tiles of rows, and points there are. */
export const panelParams = {
  rowA: "i32",
  panelA: "i32",
  pointA: "i32",
  rowB: "i32",
  panelB: "i32",
  pointB: "i32",
  rowY: "i32",
  panelY: "i32",
  pointY: "i32",
  rows: "i32",
  quads: "i32", // vec4s of columns
  panels: "i32",
  tiles: "i32",
  points: "i32",
  splits: "i32",
} as const;

/** What the kernels are declared with, beside their own. */
export const panelGroups = {
  groups: ({
    panels,
    tiles,
    points,
    splits,
  }: Readonly<Record<"panels" | "tiles" | "points" | "splits", number>>) => panels * tiles * points * splits,
  subgroups: true,
} as const;

/** Where a workgroup is: its `panel`, `tile` of rows and `product`, of which `point` and `split`; and a lane's `column` of vec4s. */
export const panelPlace = wgsl`
    let panel = i32(group) % params.panels;
    let tile = i32(group) / params.panels % params.tiles;
    let product = i32(group) / (params.panels * params.tiles);
    let point = product % params.points;
    let split = product / params.points;
    let column = i32(lane);`;

export function panelArguments({ info: { subgroupSize } }: Device, args: PanelProductArguments) {
  const { a, b, y, strides, rows, quads, points = 1, splits = 1 } = args;
  return {
    ...{ a, b, y, rows, quads, points, splits, panels: Math.ceil(quads / subgroupSize) },
    ...{ rowA: strides.a.row, panelA: strides.a.panel, pointA: strides.a.point },
    ...{ rowB: strides.b.row, panelB: strides.b.panel, pointB: strides.b.point },
    ...{ rowY: strides.y.row, panelY: strides.y.panel, pointY: strides.y.point },
  };
}
