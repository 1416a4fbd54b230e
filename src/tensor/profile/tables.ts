/** A profile as text. */
import { aligned, kibibytes } from "../text-table.ts";
import { isAlive } from "./memory-timeline.ts";
import type { MemoryRow, Profile, ProfileTotal } from "./profile.ts";

/** One of the tables of a profile. */
export type ProfileTable = "modules" | "kernels" | "memory";

export function writeTable(profile: Profile, which: ProfileTable | undefined, rows: number): string {
  const tables = {
    modules: () => times("module", profile.modules, rows),
    kernels: () => times("kernel", profile.kernels, rows),
    memory: () => memory(profile, rows),
  };
  if (which) return tables[which]();
  const { launches, ms, method, device } = profile;
  const how =
    method === "timestamps" ? "the GPU's timestamps" : "the host's waits, as there are no timestamps";
  return [
    `${launches.length} launches on ${device || "this adapter"} take ${ms.toFixed(2)} ms one by one, by ${how}.`,
    ...Object.values(tables).map((write) => write()),
  ].join("\n\n");
}

function times(title: string, totals: readonly ProfileTotal[], most: number): string {
  const whole = sumOf("all", totals);
  const shown = totals.slice(0, most);
  if (totals.length > most) shown.push(sumOf(`${totals.length - most} more`, totals.slice(most)));
  const cells = ({ name, ms, forwardMs, backwardMs, launches }: ProfileTotal) => [
    name,
    ms.toFixed(3),
    ((100 * ms) / (whole.ms || 1)).toFixed(1),
    forwardMs.toFixed(3),
    backwardMs.toFixed(3),
    String(launches),
  ];
  const heading = [title, "ms", "%", "forward ms", "backward ms", "launches"];
  return aligned([heading, ...shown.map(cells), cells(whole)], 1).join("\n");
}

function sumOf(name: string, totals: readonly ProfileTotal[]): ProfileTotal {
  const sum = (of: (total: ProfileTotal) => number) => totals.reduce((all, total) => all + of(total), 0);
  return {
    name,
    ms: sum(({ ms }) => ms),
    forwardMs: sum(({ forwardMs }) => forwardMs),
    backwardMs: sum(({ backwardMs }) => backwardMs),
    launches: sum(({ launches }) => launches),
  };
}

/** What is there at the peak, largest first. */
function memory({ memory: all, timeline, peakBytes, launches }: Profile, most: number): string {
  const { peakAt } = timeline;
  const rows = joined(all.filter((row) => isAlive(row, peakAt))).sort((a, b) => b.bytes - a.bytes);
  const rest = rows.slice(most).filter(({ shared }) => !shared);
  const more = [
    `${rest.length} more`,
    "",
    "",
    kibibytes(rest.reduce((sum, { bytes }) => sum + bytes, 0)),
    "",
  ];
  const cells = (row: MemoryRow) => [
    row.name,
    row.shape ? `[${row.shape.join(", ")}]` : "",
    [row.module, row.op && `'${row.op}'`, row.pass && `(${row.pass})`]
      .filter((part) => part !== "")
      .join(" "),
    row.shared ? `(${kibibytes(row.bytes)})` : kibibytes(row.bytes),
    `${row.from ?? ""}..${row.to ?? ""}`,
  ];
  const heading = ["memory at the peak", "shape", "made by", "KiB", "launches"];
  const whole = ["all", "", "", kibibytes(peakBytes), `0..${launches.length}`];
  const body = [...rows.slice(0, most).map(cells), ...(rest.length > 0 ? [more] : [])];
  const table = aligned([heading, ...body, whole], 3).join("\n");
  if (!rows.some(({ shared }) => shared)) return table;
  return `${table}\nIn brackets: in the recording's memory, which is counted as such.`;
}

/** What is no tensor is told together, if it's for the same and there at the same time. */
function joined(rows: readonly MemoryRow[]): MemoryRow[] {
  const found = new Map<
    string,
    { readonly first: MemoryRow; readonly bytes: number; readonly count: number }
  >();
  rows.forEach((row, k) => {
    const { bytes, shape, ...rest } = row;
    const key = shape ? String(k) : JSON.stringify(rest);
    const same = found.get(key) ?? { first: row, bytes: 0, count: 0 };
    found.set(key, { ...same, bytes: same.bytes + bytes, count: same.count + 1 });
  });
  return [...found.values()].map(({ first, bytes, count }) => ({
    ...first,
    bytes,
    name: count > 1 ? `${first.name} (${count})` : first.name,
  }));
}
