/**
 * Packs the factors of a GEMM for the subgroup kernel, zeros included, so that its loop has no bounds to check:
 *
 * - a to `[K/4][rows]` vec4s along k, rows rounded up to the tile: the lanes of a subgroup read neighbouring rows
 * - b to `[block][k][lane]` vec4s of four columns, a block being what one subgroup computes
 *
 * Bound by memory. Strides serve both orders of the source. Copying vec4s whole where source and packed ones agree was no faster (0.66 and 0.79 ms for
 * 512 x 512 either way, quiet machine), so the kernels that did are gone.
 */
import { kernel, wgsl } from "../../gpu/kernel.ts";

export const packRows = kernel("gemm_pack_rows", {
  read: { a: "scalar" },
  write: { packed: "quad" },
  params: { count: "u32", m: "u32", k: "u32", rows: "u32", rowStride: "u32", stepStride: "u32" },
  threads: ({ count }) => count,
  body: wgsl`
    if (i >= params.count) { return; }
    let row = i % params.rows;
    let step = i / params.rows * 4u;
    var value = quad(0);
    if (row < params.m) {
      for (var u = 0u; u < min(4u, params.k - step); u++) {
        value[u] = a[row * params.rowStride + (step + u) * params.stepStride];
      }
    }
    packed[i] = value;`,
});

export const packColumns = kernel("gemm_pack_columns", {
  read: { b: "scalar" },
  write: { packed: "quad" },
  params: {
    count: "u32",
    n: "u32",
    k: "u32",
    steps: "u32", // K rounded up to a multiple of 4
    lanes: "u32",
    columnStride: "u32",
    stepStride: "u32",
  },
  threads: ({ count }) => count,
  body: wgsl`
    if (i >= params.count) { return; }
    let step = i / params.lanes % params.steps;
    let column = (i / (params.lanes * params.steps) * params.lanes + i % params.lanes) * 4u;
    var value = quad(0);
    if (step < params.k && column < params.n) {
      for (var u = 0u; u < min(4u, params.n - column); u++) {
        value[u] = b[(column + u) * params.columnStride + step * params.stepStride];
      }
    }
    packed[i] = value;`,
});
