/** What `gpu.profile` measured. */
import type { Pass } from "../../gpu/origin.ts";
import type { TimingMethod } from "../../gpu/timed-run.ts";
import type { Shape } from "../shape.ts";
import type { MemoryTimeline } from "./memory-timeline.ts";
import { type ProfileTable, writeTable } from "./tables.ts";
import { writeTrace } from "./trace-events.ts";

/** One launch of a kernel. */
export interface ProfiledLaunch {
  readonly kernel: string;
  /** The path of the module that it belongs to, forward or backward, such as `stage1.0.conv`; "" outside of modules. */
  readonly module: string;
  /** The op or optimiser that it belongs to; "" for what is neither, such as gathering a batch. */
  readonly op: string;
  readonly pass: Pass;
  readonly ms: number;
}

/** One tensor, or other memory, that lay on the GPU while the step ran. */
export interface MemoryRow {
  /** The tensor's name, or what the memory is for. */
  readonly name: string;
  /** Undefined for what is no tensor, and for what was there before and wasn't used. */
  readonly shape: Shape | undefined;
  /** What it takes, rounded up as the memory's place is. */
  readonly bytes: number;
  /** The module, op and pass that made it; "" for what was there before. */
  readonly module: string;
  readonly op: string;
  readonly pass: Pass;
  /** The launch before which it was made; undefined for what was there before. */
  readonly from: number | undefined;
  /** The launch before which it was freed; undefined for what remains. */
  readonly to: number | undefined;
  /** Whether it takes turns with others in a recording's memory, which has rows of its own. The bytes of the other rows add up to `gpu.memory.usedBytes`. */
  readonly shared: boolean;
}

/** Launches that belong together. */
export interface ProfileTotal {
  readonly name: string;
  readonly ms: number;
  readonly forwardMs: number;
  readonly backwardMs: number;
  readonly launches: number;
}

interface Measured {
  readonly device: string;
  readonly method: TimingMethod;
  readonly launches: readonly ProfiledLaunch[];
  readonly memory: readonly MemoryRow[];
  readonly timeline: MemoryTimeline;
}

/** What `gpu.profile` measured. */
/** A step's time and memory, as numbers, as text and as a trace. Prints its tables. */
export class Profile {
  /** The adapter's description. */
  readonly device: string;
  /** How the times were taken: by the GPU's own clock, or by the host's waits where it has none. */
  readonly method: TimingMethod;
  /** In the order in which they ran. */
  readonly launches: readonly ProfiledLaunch[];
  readonly memory: readonly MemoryRow[];
  /** @internal */
  readonly timeline: MemoryTimeline;

  /** @internal Users call `gpu.profile`. */
  constructor({ device, method, launches, memory, timeline }: Measured) {
    this.device = device;
    this.method = method;
    this.launches = launches;
    this.memory = memory;
    this.timeline = timeline;
  }

  /** Of all launches. They ran one by one: as usual the step takes less. */
  get ms(): number {
    return this.launches.reduce((sum, { ms }) => sum + ms, 0);
  }

  /** The most bytes of GPU buffers in use at one moment. */
  get peakBytes(): number {
    return this.timeline.used[this.timeline.peakAt] ?? 0;
  }

  /** By module, largest first; outside of modules by op or optimiser, and "other" for the rest. */
  get modules(): ProfileTotal[] {
    return this.totals(({ module, op }) => module || op || "other");
  }

  /** By kernel, largest first. */
  get kernels(): ProfileTotal[] {
    return this.totals(({ kernel }) => kernel);
  }

  /** By a key of one's own, largest first. */
  totals(key: (launch: ProfiledLaunch) => string): ProfileTotal[] {
    const totals = new Map<string, ProfileTotal>();
    for (const launch of this.launches) {
      const name = key(launch);
      const { pass, ms } = launch;
      const sum = totals.get(name) ?? { name, ms: 0, forwardMs: 0, backwardMs: 0, launches: 0 };
      totals.set(name, {
        name,
        ms: sum.ms + ms,
        forwardMs: sum.forwardMs + (pass === "forward" ? ms : 0),
        backwardMs: sum.backwardMs + (pass === "backward" ? ms : 0),
        launches: sum.launches + 1,
      });
    }
    return [...totals.values()].sort((a, b) => b.ms - a.ms);
  }

  /**
   * Time by module, time by kernel, and the memory at its peak, as text; or one of these.
   * @param rows of each table at most, 40 by default; the rest are added up in a last row
   */
  table(which?: ProfileTable, rows = 40): string {
    return writeTable(this, which, rows);
  }

  /** A file in the Trace Event Format, which `chrome://tracing` and Perfetto open: launches, the modules and ops that they belong to, and memory. */
  trace(): string {
    return writeTrace(this);
  }

  /** The tables. */
  toString(): string {
    return this.table();
  }

  /** Node's console prints the tables. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}
