/** Convolutions of few channels that are large enough to be read as texels: what serves them on lavapipe needs sizes that the other odd shapes don't have. */
import type { KernelCase } from "../cases.ts";
import { conv2dCases, direct, shapeOf } from "./conv2d.cases.ts";

const rows = [
  // Strips of two pixels, of four, of eight, and of one; teams of four lanes and of eight; odd counts of rows.
  [5, 13, 11, 16, 16, 3, 3, 1, 1, 1],
  [9, 9, 17, 8, 20, 3, 3, 1, 1, 1],
  [11, 15, 13, 4, 12, 3, 3, 1, 1, 1],
  [3, 10, 11, 32, 36, 3, 3, 1, 1, 1],
  // Several blocks of output channels, other windows and paddings, rows shorter than a strip.
  [5, 11, 12, 16, 68, 3, 3, 1, 0, 2],
  [5, 12, 14, 8, 16, 5, 5, 1, 2, 2],
  [7, 9, 10, 16, 24, 2, 2, 1, 1, 1],
  [40, 9, 3, 12, 16, 3, 1, 1, 0, 0],
  [4, 29, 31, 3, 16, 3, 3, 1, 1, 1],
  [5, 20, 24, 2, 36, 2, 2, 1, 0, 1],
  // Output channels that don't come in fours.
  [4, 13, 14, 16, 18, 3, 3, 1, 1, 1],
  // Single pixels: products, the last two also for the filter gradient.
  [5, 9, 10, 20, 36, 1, 1, 1, 0, 0],
  [2, 17, 16, 68, 64, 1, 1, 1, 0, 0],
  [20, 15, 16, 64, 100, 1, 1, 1, 0, 0],
] as const;

export const conv2dResidentCases: readonly KernelCase[] = rows.flatMap((row) =>
  conv2dCases(direct("subgroup"), shapeOf(row), false),
);
