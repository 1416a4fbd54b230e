/**
 * A profile as Trace Event Format: the JSON object form, complete events ("X") with `ts` and `dur` in microseconds, counters ("C"), and
 * names by metadata ("M").
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 *
 * Launches stand end to end: the gaps between them come from measuring. Times are whole eighths of a microsecond, which are exact in
 * binary and in nanoseconds, so that slices nest whichever of them a viewer computes in. No `displayTimeUnit`: Perfetto ignores it, and
 * took it for the unit of the times once.
 */
import type { Profile, ProfiledLaunch } from "./profile.ts";

interface TraceEvent {
  readonly name: string;
  readonly ph: "X" | "C" | "M";
  readonly pid: number;
  readonly tid: number;
  readonly cat?: string;
  readonly ts?: number;
  readonly dur?: number;
  readonly args: Readonly<Record<string, unknown>>;
}

const pid = 1;
/** Thread numbers and names; 0 is the idle thread to Perfetto. */
const threads = { 1: "modules and ops", 2: "kernels" } as const;
type Thread = keyof typeof threads;

export function writeTrace(profile: Profile): string {
  const { launches, device, method } = profile;
  const ends = endsOf(launches);
  const slices = [...moduleSlices(launches, ends), ...kernelSlices(launches, ends)];
  const events = [...slices, ...counters(profile, ends)].sort((a, b) => (a.ts ?? 0) - (b.ts ?? 0));
  return JSON.stringify({
    otherData: { device, method },
    traceEvents: [...names(device), ...events],
  });
}

function names(device: string): TraceEvent[] {
  return [
    { name: "process_name", ph: "M", pid, tid: 1, args: { name: `GPU: ${device}` } },
    ...Object.entries(threads).flatMap(([number, name]): TraceEvent[] => {
      const tid = Number(number);
      return [
        { name: "thread_name", ph: "M", pid, tid, args: { name } },
        { name: "thread_sort_index", ph: "M", pid, tid, args: { sort_index: tid } },
      ];
    }),
  ];
}

/** Where each launch ends, in microseconds from the first one's start; before it, the start. */
function endsOf(launches: readonly ProfiledLaunch[]): number[] {
  let sum = 0;
  const sums = launches.map(({ ms }) => {
    sum += ms;
    return Math.round(8000 * sum) / 8;
  });
  return [0, ...sums];
}

function slice(
  tid: Thread,
  name: string,
  [ts = 0, end = ts]: readonly (number | undefined)[],
  args: object,
): TraceEvent {
  return { name, ph: "X", cat: threads[tid], pid, tid, ts, dur: end - ts, args: { ...args } };
}

function kernelSlices(launches: readonly ProfiledLaunch[], ends: readonly number[]): TraceEvent[] {
  return launches.map(({ kernel, module, op, pass, ms }, k) =>
    slice(2, kernel, [ends[k], ends[k + 1]], { module, op, pass, ms }),
  );
}

/** Slices around launches that follow each other in the same pass, modules and op; outer ones first. */
function moduleSlices(launches: readonly ProfiledLaunch[], ends: readonly number[]): TraceEvent[] {
  const slices: TraceEvent[] = [];
  let open: { readonly name: string; readonly from: number; readonly place: number }[] = [];
  const close = (depth: number, at: number) => {
    for (const { name, from, place } of open.slice(depth))
      slices[place] = slice(1, name, [ends[from], ends[at]], { launches: at - from });
    open = open.slice(0, depth);
  };
  let places = 0;
  launches.forEach((launch, k) => {
    const levels = levelsOf(launch);
    const differs = levels.findIndex((name, depth) => open[depth]?.name !== name);
    const depth = differs < 0 ? levels.length : differs;
    close(depth, k);
    for (const name of levels.slice(depth)) open.push({ name, from: k, place: places++ });
  });
  close(0, launches.length);
  return slices;
}

/** The pass, the modules from the outermost on, the op. */
function levelsOf({ pass, module, op }: ProfiledLaunch): string[] {
  const parts = module === "" ? [] : module.split(".");
  const paths = parts.map((_, k) => parts.slice(0, k + 1).join("."));
  return [pass || "other", ...paths, ...(op === "" ? [] : [op])];
}

function counters({ timeline: { used, shared } }: Profile, ends: readonly number[]): TraceEvent[] {
  const event = (name: string, ts = 0, bytes = 0): TraceEvent => {
    return { name, ph: "C", pid, tid: 1, ts, args: { bytes } };
  };
  // The last once more at the end: viewers draw a curve from event to event.
  const of = (name: string, series: readonly number[]): TraceEvent[] => [
    ...series.flatMap((bytes, k) => (bytes === series[k - 1] ? [] : [event(name, ends[k], bytes)])),
    event(name, ends.at(-1), series.at(-1)),
  ];
  const isRecorded = shared.some((bytes) => bytes > 0);
  return [...of("GPU memory", used), ...(isRecorded ? of("tensors in the recording's memory", shared) : [])];
}
