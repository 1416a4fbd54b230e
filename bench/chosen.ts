/** The table of what the families choose: layers by direction. */
import Table from "cli-table3";
import type { Peaks } from "./peaks.ts";

export interface Cell {
  readonly row: string;
  readonly column: string;
  readonly ms: number;
  /** null where a case doesn't say how much work it is. */
  readonly gflops: number | null;
}

/** A table for each family, told by its columns. Shares may pass 100 %: the operations are those of the direct algorithm. */
export function formatCells(cells: readonly Cell[], { gflops: peak }: Peaks): string {
  const rows = groupBy(cells, ({ row }) => row);
  const families = groupBy([...rows], ([, [first]]) => first?.column ?? "");
  const tables = [...families.values()].map((family) => formatFamily(family, peak));
  return [
    ...tables,
    "GFLOP/s and their share of the arithmetic peak, by the direct algorithm's operations",
  ].join("\n");
}

function formatFamily(rows: readonly (readonly [string, readonly Cell[]])[], peak: number): string {
  const columns = [...new Set(rows.flatMap(([, cells]) => cells.map(({ column }) => column)))];
  const table = new Table({
    head: ["", ...columns.flatMap((column) => [column, "ms"])],
    colAligns: ["left", ...columns.flatMap(() => ["right", "right"] as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const [name, cells] of rows) {
    const texts = columns.flatMap((column) => {
      const cell = cells.find((candidate) => candidate.column === column);
      return cell ? [formatShare(cell.gflops ?? 0, peak), cell.ms.toPrecision(3)] : ["", ""];
    });
    table.push([name, ...texts]);
  }
  return table.toString();
}

function formatShare(gflops: number, peak: number): string {
  return `${gflops.toPrecision(3)} (${((100 * gflops) / peak).toFixed(0)} %)`;
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}
