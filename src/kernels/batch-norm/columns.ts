/**
 * How batch normalization's kernels walk over x `[rows, channels]`.
 *
 * A lane keeps a column (four channels; one where channels don't come in fours, since rows then aren't vec4-aligned) and walks
 * down a chunk of rows: neighbouring lanes load neighbouring memory, and what a column needs is loaded once a chunk.
 * What a chunk adds up to lies in `partials`, two rows of channels a chunk. Workgroups merge a column's chunks, some lanes
 * walking down a slice of them each, and then as a tree: in a fixed order, so the bits repeat.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { wgsl } from "../../gpu/kernel.ts";
import { lanesWanted } from "../lanes.ts";

/** A column's share of a row. */
export type Cell = "quad" | "scalar";

/** x as rows of channels. */
export interface BatchNormSize {
  readonly rows: number;
  readonly channels: number;
}

const mostRowsPerLane = 256;
/** Rows of a chunk come in eights: their masks share a word. */
const rowStep = 8;
const mergeLanes = 64;
/** More chunks than this in a slice, and another lane pays. A GPU has lanes to spare, and waits for each chunk. */
const chunksPerSlice = { software: 32, gpu: 4 };

export const walkParams = { n: "u32", rows: "u32", columns: "u32", chunk_rows: "u32" } as const;

/** The start of a kernel that walks: `chunk`, `column`, and its rows `begin` to `end`. */
export const walk = wgsl`
    if (i >= params.n) { return; }
    let chunk = i / params.columns;
    let column = i - chunk * params.columns;
    let begin = chunk * params.chunk_rows;
    let end = min(begin + params.chunk_rows, params.rows);`;

export const mergeParams = { columns: "u32", chunks: "u32", slices: "u32" } as const;

/** What a kernel that merges is declared with, beside its own. */
export const merging = {
  constants: { lanes: mergeLanes },
  workgroupSize: mergeLanes,
  groups: ({ columns, slices }: { readonly columns: number; readonly slices: number }) =>
    Math.ceil((columns * slices) / mergeLanes),
} as const;

/** The start of a kernel that merges: `column` of this lane, and the chunks `slice`, `slice + params.slices`, ... below `chunks`. */
export const merge = wgsl`
    let width = lanes / params.slices;
    let slice = lane / width;
    let column = group * width + lane % width;
    // Lanes without a column have no chunks, but meet at the barriers.
    let chunks = select(0u, params.chunks, column < params.columns);`;

/**
 * Cuts the rows: enough lanes to fill a GPU, and as few loads of a column's constants as that allows.
 * @param lanes that walk; sums want fewer chunks to merge than what is only mapped
 */
export function cutIntoChunks(
  device: Device,
  { rows, channels }: BatchNormSize,
  lanes = lanesWanted(device),
) {
  const vectorized = channels % 4 === 0;
  const columns = vectorized ? channels / 4 : channels;
  const rowsWanted = Math.min(mostRowsPerLane, (rows * columns) / lanes);
  const chunk_rows = rowStep * Math.max(1, Math.ceil(rowsWanted / rowStep));
  const chunks = Math.ceil(rows / chunk_rows);
  const perSlice = device.info.isSoftware ? chunksPerSlice.software : chunksPerSlice.gpu;
  let slices = 1;
  while (slices < mergeLanes && slices * perSlice < chunks) slices *= 2;
  return {
    vectorized,
    walk: { n: chunks * columns, rows, columns, chunk_rows },
    merge: { columns, chunks, slices },
  };
}

/** Runs `launch` with room for what the chunks add up to. */
export function withPartials(
  device: Device,
  size: BatchNormSize,
  launch: (partials: BufferView) => void,
): void {
  const { chunks } = cutIntoChunks(device, size).merge;
  const partials = device.allocate(chunks * 2 * size.channels * 4, "batch norm partials");
  launch(partials);
  device.release(partials);
}
