/**
 * What became slower from one run to another, and what is noise.
 *
 * The machine moves too, by up to twice. So a row's change is divided by how the run's own peaks moved: the peak that bounds the
 * row where that's clear (a kernel's), otherwise the geometric mean of both. A comparison with peers is a ratio already.
 *
 * A row is slower if what is left is above 1 + max(25 %, 3 s), with s the spreads of both medians together (half the
 * distance between quartiles, relative). The 25 %: on a loaded machine kernels of much code slow down more than the peaks do.
 */

const leastChange = 0.25;
const spreadsOfNoise = 3;
/** A peak bounds a row alone where the row's share of it is this much larger than its share of the other. */
const clearly = 4;

type Bound = "arithmetic" | "memory" | "unclear";

interface Machine {
  readonly arithmetic: number;
  readonly memory: number;
}

export interface Entry {
  readonly name: string;
  /** Larger is slower. */
  readonly cost: number;
  readonly spread: number;
  readonly bound: Bound;
}

export interface Run {
  readonly kind: "timings" | "ratios";
  readonly machine: Machine;
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface Change {
  readonly name: string;
  /** Time after over time before, as measured. */
  readonly raw: number;
  /** What of it the machine doesn't explain. */
  readonly change: number;
  /** Up to here it's noise. */
  readonly limit: number;
  readonly verdict: "slower" | "faster" | "noise";
}

/** @throws Error if the runs are of different benchmarks, or have no row in common */
export function compareRuns(before: Run, after: Run): Change[] {
  if (before.kind !== after.kind) throw new Error("the files are of different benchmarks");
  const changes: Change[] = [];
  for (const [name, old] of before.entries) {
    const now = after.entries.get(name);
    if (!now) continue;
    const raw = now.cost / old.cost;
    const change = (raw * speed(after.machine, old.bound)) / speed(before.machine, old.bound);
    const limit = 1 + Math.max(leastChange, spreadsOfNoise * Math.hypot(old.spread, now.spread));
    const verdict = change > limit ? "slower" : 1 / change > limit ? "faster" : "noise";
    changes.push({ name, raw, change, limit, verdict });
  }
  if (changes.length === 0) throw new Error("the files have no row in common");
  return changes;
}

function speed({ arithmetic, memory }: Machine, bound: Bound): number {
  if (bound === "arithmetic") return arithmetic;
  return bound === "memory" ? memory : Math.sqrt(arithmetic * memory);
}

/** From what a benchmark wrote with `--json`. @throws Error if something else is in it */
export function readRun(content: unknown): Run {
  if (Array.isArray(content)) {
    return { kind: "ratios", machine: { arithmetic: 1, memory: 1 }, entries: byName(content.map(peerEntry)) };
  }
  const rows = field(content, "rows");
  const peaks = field(content, "peaks");
  if (!Array.isArray(rows)) throw new Error("there are no rows in it");
  // What the machine usually gave is what the rows' medians had.
  const usual = field(peaks, "usual") ?? peaks;
  const machine = { arithmetic: number(usual, "gflops"), memory: number(usual, "gigabytesPerSecond") };
  return { kind: "timings", machine, entries: byName(rows.map((row: unknown) => timedEntry(row, machine))) };
}

function byName(entries: readonly Entry[]): Map<string, Entry> {
  return new Map(entries.map((entry) => [entry.name, entry]));
}

function peerEntry(row: unknown): Entry {
  const name = ["work", "peer", "mode"].map((part) => String(field(row, part))).join(" ");
  const spread = Math.hypot(number(row, "oursSpread"), number(row, "peerSpread"));
  return { name, cost: 1 / number(row, "ratio"), spread, bound: "unclear" };
}

function timedEntry(row: unknown, machine: Machine): Entry {
  const arithmetic = Number(field(row, "gflops") ?? 0) / machine.arithmetic;
  const memory = Number(field(row, "gigabytesPerSecond") ?? 0) / machine.memory;
  const bound =
    arithmetic > clearly * memory ? "arithmetic" : memory > clearly * arithmetic ? "memory" : "unclear";
  return { name: String(field(row, "name")), cost: number(row, "ms"), spread: number(row, "spread"), bound };
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function number(value: unknown, name: string): number {
  const found = field(value, name);
  if (typeof found === "number") return found;
  throw new Error(`'${name}' is missing in it`);
}
