/**
 * Runs commands one launch at a time and measures each.
 *
 * Where the adapter has timestamps, each launch gets a pass of its own between two of them. Elsewhere the host waits for each, and the
 * wait for nothing is taken off: coarser, and blind to kernels shorter than a wait varies (some 0.1 ms).
 */
import type { BufferView } from "./buffers.ts";
import type { CommandStream, Dispatch } from "./commands.ts";
import type { Device } from "./device.ts";
import type { Command } from "./trace.ts";

/** By the GPU's own clock, or by the host, which waits for each launch. */
export type TimingMethod = "timestamps" | "waiting";

/** A command that waits for its turn; host data are commands too. */
export type DeferredCommand =
  | Command
  | {
      readonly kind: "write";
      readonly target: BufferView;
      readonly data: Uint8Array;
    };

/** @returns the milliseconds of each launch, in order */
export function runTimed(
  device: Device,
  commands: readonly DeferredCommand[],
  method: TimingMethod,
): Promise<number[]> {
  return method === "timestamps" ? timeByTimestamps(device, commands) : timeByWaiting(device, commands);
}

// GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC; Node has no global of that name.
const resolvable = 0x200 | 0x4;

/** A query set holds 4096 timestamps. */
const launchesPerSet = 2048;

async function timeByTimestamps(device: Device, commands: readonly DeferredCommand[]): Promise<number[]> {
  const stamps: Stamps[] = [];
  let last: Stamps | undefined;
  for (const command of commands) {
    if (command.kind !== "dispatch") {
      execute(device, command);
      continue;
    }
    if (!last || last.launches === launchesPerSet) {
      last = device.errors.watch(() => new Stamps(device));
      stamps.push(last);
    }
    execute(device, command, last.next());
  }
  const times: number[] = [];
  try {
    for (const set of stamps) times.push(...(await set.read(device)));
  } finally {
    for (const set of stamps) set.destroy();
  }
  return times;
}

type PassTimestamps = Required<GPUComputePassTimestampWrites>;

/** Two timestamps for each of some launches. */
class Stamps {
  launches = 0;
  readonly #set: GPUQuerySet;
  readonly #resolved: GPUBuffer;

  constructor(device: Device) {
    const label = "profile";
    const { raw } = device;
    this.#set = raw.createQuerySet({ label, type: "timestamp", count: 2 * launchesPerSet });
    this.#resolved = raw.createBuffer({ label, size: 16 * launchesPerSet, usage: resolvable });
  }

  next(): PassTimestamps {
    const first = 2 * this.launches++;
    return {
      querySet: this.#set,
      beginningOfPassWriteIndex: first,
      endOfPassWriteIndex: first + 1,
    };
  }

  async read(device: Device): Promise<number[]> {
    const encoder = device.raw.createCommandEncoder({ label: "profile" });
    encoder.resolveQuerySet(this.#set, 0, 2 * this.launches, this.#resolved, 0);
    device.errors.watch(() => device.raw.queue.submit([encoder.finish()]));
    const byteLength = 16 * this.launches;
    const buffer = { raw: this.#resolved, id: 0, size: byteLength };
    const nanoseconds = new BigInt64Array(await device.read({ buffer, byteOffset: 0, byteLength }));
    return Array.from({ length: this.launches }, (_, k) => {
      const taken = Number((nanoseconds[2 * k + 1] ?? 0n) - (nanoseconds[2 * k] ?? 0n));
      return Math.max(0, taken) / 1e6; // an adapter that resets its clock gives nonsense for a launch
    });
  }

  destroy(): void {
    this.#set.destroy();
    this.#resolved.destroy();
  }
}

async function timeByWaiting(device: Device, commands: readonly DeferredCommand[]): Promise<number[]> {
  const waits: number[] = [];
  const empty: number[] = [];
  for (const command of commands) {
    if (command.kind !== "dispatch") {
      execute(device, command);
      continue;
    }
    await device.idle(); // what copies and writes take isn't the launch's
    empty.push(await wait(device));
    waits.push(await wait(device, command));
  }
  // Waits for nothing between those for launches: a busy machine lengthens both alike.
  const overhead = empty.sort((a, b) => a - b)[empty.length >> 1] ?? 0;
  return waits.map((ms) => Math.max(0, ms - overhead));
}

/** @returns the milliseconds until the device has done a command, or nothing */
async function wait(device: Device, command?: DeferredCommand): Promise<number> {
  const start = performance.now();
  if (command) execute(device, command);
  await device.idle();
  return performance.now() - start;
}

/** Executes a command, also during a detour. */
export function execute(device: Device, command: DeferredCommand, timestampWrites?: PassTimestamps): void {
  const { stream } = device;
  stream.directly(() => {
    if (command.kind === "write") device.write(command.target, command.data);
    else if (command.kind === "dispatch")
      stream.dispatch(command, withCopies(stream, command, timestampWrites));
    else if (command.kind === "copy") stream.copy(command.source, command.target);
    else stream.clear(command.target);
    stream.flush();
  });
}

/** The timestamps of a launch's pass; what it reads as texels is copied before, so where it does, it begins with a pass of its own. */
function withCopies(
  stream: CommandStream,
  { kernel }: Dispatch,
  writes: PassTimestamps | undefined,
): GPUComputePassTimestampWrites | undefined {
  if (!writes || !kernel.access.includes("texels")) return writes;
  const { querySet, beginningOfPassWriteIndex, endOfPassWriteIndex } = writes;
  stream.stamp({ querySet, beginningOfPassWriteIndex });
  return { querySet, endOfPassWriteIndex };
}
