/**
 * The products of Winograd's algorithm: one GEMM for each point of a tile, batched.
 *
 * All matrices are stored in *panels*: a vec4 of columns a lane, one row of a panel after the other, `[point][panel][row][lane]`. So the subgroup that computes
 * a panel of 32 rows finds what it loads close together in either order: along a row of the panel, or down its 32 rows, eight steps of four columns.
 * The tile and its inner loop are those of `gemm/subgroup.ts`.
 *
 * GFLOP/s for VGG's layers at batch 32 (prototype, CPU time, 8 lanes; arithmetic alone would allow 96 on this machine): 49 to 61. Rejected: 64 rows (no gain),
 * eight steps in place of four (46 to 51), layouts with whole rows or whole columns one after the other (35 to 43 for the filter gradient).
 */
import { kernel, wgsl } from "../../../gpu/kernel.ts";
import { components, memoise, unroll } from "../../unroll.ts";

/**
 * What is multiplied, all in panels:
 * - `rows x rows`: y[r, c] = sum over k of a[r, k] b[c, k]
 * - `rows x columns`: y[r, c] = sum over k of a[r, k] b[k, c]
 * - `columns x columns`: y[r, c] = sum over k of a[k, r] b[k, c]
 */
export type ProductForm = "rows_rows" | "rows_columns" | "columns_columns";

/** Rows of y that a subgroup computes. */
export const tileRows = (lanes: number): number => 4 * lanes;

interface Product {
  readonly lanes: number;
  readonly form: ProductForm;
}

const loads = {
  /** Each lane the same four columns of a row of its own: of a row every `lanes`. */
  alongRows: (lanes: number) => wgsl`
      let atA = firstA + step / lanes * params.rowsA * lanes + step % lanes;
      ${unroll(4, (r) => `let a${r} = a[atA + ${r * lanes * lanes}];`)}`,
  /** Each lane its columns of the same four rows. */
  downColumns: (lanes: number) => wgsl`
      let atA = firstA + step * 4 * lanes;
      ${unroll(4, (u) => `let a${u} = a[atA + ${u * lanes}];`)}`,
  columnsOfB: (lanes: number) => wgsl`
      let atB = firstB + step * 4 * lanes;
      ${unroll(4, (u) => `let b${u} = b[atB + ${u * lanes}];`)}`,
  /** Four rows of b a lane, turned in registers. */
  rowsOfB: (lanes: number) => wgsl`
      let atB = firstB + step / lanes * params.rowsB * lanes + step % lanes;
      ${unroll(4, (j) => `let row${j} = b[atB + ${j * lanes}];`)}
      ${components.map((u, k) => `let b${k} = quad(row0.${u}, row1.${u}, row2.${u}, row3.${u});`).join("\n      ")}`,
};

/** Adds four steps to each of the tile's accumulators. */
function multiply({ lanes, form }: Product): string {
  if (form !== "columns_columns") {
    return unroll(4 * lanes, (row) => {
      const products = components.map((u, k) => ` sum${row} += r.${u} * b${k};`).join("");
      return `{ let r = subgroupBroadcast(a${Math.floor(row / lanes)}, ${row % lanes}u);${products} }`;
    });
  }
  return unroll(lanes, (z) => {
    const rows = unroll(4, (k) => `let r${k} = subgroupBroadcast(a${k}, ${z}u);`);
    const products = components.map((u, j) => unroll(4, (k) => `sum${4 * z + j} += r${k}.${u} * b${k};`));
    return `{ ${rows}\n    ${products.join("\n    ")} }`;
  });
}

/**
 * `steps`: of four k. Rows and panels are those of one point. y has the sums of each split of the steps after one another, each with all points.
 */
export const panelProduct = memoise((product: Product) => {
  const { lanes, form } = product;
  const alongA = form !== "columns_columns";
  return kernel(`conv2d_winograd_product_${form}_${lanes}`, {
    read: { a: "quad", b: "quad" },
    write: { y: "quad" },
    params: {
      steps: "i32",
      rowsA: "i32",
      panelsA: "i32",
      rowsB: "i32",
      panelsB: "i32",
      rowsY: "i32",
      panelsY: "i32",
      points: "i32",
      splits: "i32",
    },
    groups: ({ rowsY, panelsY, points, splits }) => (rowsY / tileRows(lanes)) * panelsY * points * splits,
    subgroups: true,
    workgroupSize: lanes,
    constants: { lanes },
    body: wgsl`
    let tiles = params.rowsY / (4 * lanes);
    let panel = i32(group) % params.panelsY;
    let tile = i32(group) / params.panelsY % tiles;
    let product = i32(group) / (params.panelsY * tiles);
    let point = product % params.points;
    let split = product / params.points;
    let lane4 = 4 * i32(lane);
    let baseA = point * params.panelsA * params.rowsA * lanes;
    let baseB = point * params.panelsB * params.rowsB * lanes;
    let firstA = baseA + ${alongA ? "(tile * 4 * lanes + i32(lane)) * lanes" : "tile * params.rowsA * lanes + i32(lane)"};
    let firstB = baseB + ${form === "rows_rows" ? "(panel * 4 * lanes + lane4) * lanes" : "panel * params.rowsB * lanes + i32(lane)"};
    ${unroll(4 * lanes, (row) => `var sum${row} = quad(0);`)}
    let end = (split + 1) * params.steps / params.splits;
    for (var step = split * params.steps / params.splits; step < end; step++) {
      ${alongA ? loads.alongRows(lanes) : loads.downColumns(lanes)}
      ${form === "rows_rows" ? loads.rowsOfB(lanes) : loads.columnsOfB(lanes)}
      ${multiply(product)}
    }
    let atY = ((product * params.panelsY + panel) * params.rowsY + tile * 4 * lanes) * lanes + i32(lane);
    ${unroll(4 * lanes, (row) => `y[atY + ${row * lanes}] = sum${row};`)}`,
  });
});
