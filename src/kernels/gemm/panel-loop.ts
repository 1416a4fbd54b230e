/**
 * Products of matrices in panels whose sums a loop over k carries, for any number of steps, from buffers or texels; `panel-resident.ts` is faster where it can be had.
 *
 * The tile and its inner loop are those of `subgroup.ts`; nothing is packed.
 *
 * Products of Winograd's algorithm on lavapipe, 8 lanes, CPU ms from buffers and from texels, copies not counted: 36 of 1024x32x32 9.5 and 6.8, 256x64x64 8.1 and 5.5, 64x128x128 7.4
 * and 4.8 (the filter gradient's 6.9 and 3.9, 6.6 and 4.1, 7.7 and 4.9). With copies, a VGG step of quarter width takes 0.84 times as long; if only what is read four times is copied, 0.88.
 * Rejected, with texels: 16, 24, 48 and 64 rows (0.90, 0.97, 0.83 and 1.05 times as fast), eight steps in place of four (0.9 to 1.1), stores in a loop (0.97). From buffers, where loads were
 * 42 % of the time: b in workgroup memory for four or sixteen tiles (2 %, 8 %), panels of four lanes for 16 columns, other rows for each quad (16->16@32 at batch 64 18.6 ms
 * in place of the direct kernels' 21.1), subgroups of 16 lanes (51 to 65 GFLOP/s for 45 to 60), whole rows or whole columns one after the other (35 to 43 for the filter gradient).
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

const panelLoop = memoise((product: Product) => {
  const { lanes, form, texels } = product;
  const alongA = form !== "columns_columns";
  const alongB = form === "rows_rows";
  const element = texels ? "texels" : "quad";
  return kernel(`gemm_panels_${form}_${lanes}${texels ? "_texels" : ""}`, {
    read: { a: element, b: element },
    write: { y: "quad" },
    params: { ...panelParams, steps: "i32" },
    ...panelGroups,
    workgroupSize: lanes,
    constants: { lanes },
    body: wgsl`${panelPlace}
    let firstRow = tile * 4 * lanes;
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

/** Encodes y = op(a) op(b) for every point. @param texels whether the factors are read as texels */
export function multiplyInLoop(device: Device, args: PanelProductArguments, texels: boolean): void {
  const lanes = device.info.subgroupSize;
  panelLoop({ lanes, form: args.form, texels })(device, {
    ...panelArguments(device, args),
    steps: args.steps,
    tiles: Math.ceil(args.rows / (4 * lanes)),
  });
}
