/** Winograd's matrices row by row, for GPUs: products are the tiled GEMM's. */
import { launchGemmTiled } from "../../gemm/tiled.ts";
import type { Layout } from "./layout.ts";

export const rowsLayout: Layout = {
  channels: 1,
  suitsTexels: () => false,
  multiply(device, { plan, form, views: [a, b, y], matrices: [ofA, , ofY] }) {
    const transposeA = form === "columns_columns";
    launchGemmTiled(device, {
      ...{ a, b, y, m: ofY.rows, n: ofY.lanes, k: transposeA ? ofA.rows : ofA.lanes, count: plan.points },
      ...{ transposeA, transposeB: form === "rows_rows" },
    });
  },
};
