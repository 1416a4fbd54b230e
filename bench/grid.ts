/** Tables of layers by direction. */
import Table from "cli-table3";

export interface Cell {
  /** Those of a family share a table. */
  readonly family: string;
  readonly row: string;
  readonly column: string;
  readonly text: string;
}

export function formatGrid(cells: readonly Cell[]): string {
  const families = groupBy(cells, ({ family }) => family);
  return [...families.values()].map(formatFamily).join("\n");
}

function formatFamily(cells: readonly Cell[]): string {
  const columns = [...new Set(cells.map(({ column }) => column))];
  const table = new Table({
    head: ["", ...columns],
    colAligns: ["left", ...columns.map(() => "right" as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const [name, row] of groupBy(cells, ({ row }) => row))
    table.push([name, ...columns.map((wanted) => row.find(({ column }) => column === wanted)?.text ?? "")]);
  return table.toString();
}

/** Such as `61.2 (64 %), 39.5 ms`: GFLOP/s, and their share of a peak; of unknown work only the time. */
export function formatSpeed(ms: number, gflops: number | null, peak: number): string {
  const time = `${ms.toPrecision(3)} ms`;
  if (gflops === null) return time;
  return `${gflops.toPrecision(3)} (${((100 * gflops) / peak).toFixed(0)} %), ${time}`;
}

export const speedLegend =
  "GFLOP/s (their share of the arithmetic peak), time. Convolutions count the direct algorithm's operations: Winograd's may pass 100 %.";

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}
