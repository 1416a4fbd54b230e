/**
 * `gpu.profile`: one step, and where its time and memory went.
 *
 * The step's commands are collected while it runs, with whatever the tape tells about them, then executed one by one. In between lies
 * what takes time on the host: compiling, so that no time is a compiler's. Memory is given and taken at once, in the order of an eager
 * step, since the commands come in that order too; nothing else may be given meanwhile.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Dispatch, Sink } from "../../gpu/commands.ts";
import type { Device } from "../../gpu/device.ts";
import type { Origin } from "../../gpu/origin.ts";
import type { compileKernels } from "../../gpu/precompile.ts";
import { type DeferredCommand, execute, runTimed, type TimingMethod } from "../../gpu/timed-run.ts";
import type { Gpu } from "../gpu.ts";
import type { spectator } from "../spectator.ts";
import type { whereabouts } from "../tape.ts";
import { MemoryLog } from "./memory-log.ts";
import { Origins } from "./origins.ts";
import { Profile } from "./profile.ts";

/** What `gpu.profile` takes. */
/** How `Gpu.profile` measures. */
export interface ProfileOptions {
  /** By default timestamps where the adapter has them. Browsers may round those to 0.1 ms, and `waiting` is then the finer one for few long kernels. */
  readonly method?: TimingMethod;
}

/** What is loaded already. Given and not imported, since that would have bundlers tear the library's first part into pieces, 2 kB more in all. */
export interface Loaded {
  readonly compileKernels: typeof compileKernels;
  readonly spectator: typeof spectator;
  readonly whereabouts: typeof whereabouts;
}

/** See `Gpu.profile`. */
export async function profile(
  gpu: Gpu,
  step: () => void,
  { method = defaultMethod(gpu.device) }: ProfileOptions,
  loaded: Loaded,
): Promise<Profile> {
  const { device } = gpu;
  device.requireAlive();
  device.refuseEarly("profile", "profile a whole step from outside, one at a time");
  if (method === "timestamps" && !hasTimestamps(device))
    throw new Error("[profile] the adapter has no timestamps; leave out 'method', or give \"waiting\"");
  const collector = new Collector();
  const memory = new MemoryLog(device.pool.inUse, () => collector.launches.length);
  device.stream.flush();
  device.stream.detour(collector);
  device.pool.hold(true);
  try {
    try {
      collect(gpu, step, collector, memory, loaded);
      await loaded.compileKernels(device, collector.commands);
    } catch (error) {
      for (const command of collector.commands) execute(device, command); // as far as an eager step would have come
      throw error;
    }
    const milliseconds = await runTimed(device, collector.commands, method);
    const launches = collector.launches.map(({ kernel, origin }, k) => ({
      kernel: kernel.label,
      module: origin?.module ?? "",
      op: origin?.op ?? "",
      pass: origin?.pass ?? "",
      ms: milliseconds[k] ?? 0,
    }));
    return new Profile({ device: gpu.info.name, method, launches, ...memory.finish() });
  } finally {
    device.stream.detour(undefined);
    device.pool.hold(false);
  }
}

function collect(
  gpu: Gpu,
  step: () => void,
  collector: Collector,
  memory: MemoryLog,
  { spectator, whereabouts }: Loaded,
): void {
  const { stream, pool } = gpu.device;
  const origins = new Origins(memory, whereabouts.now);
  stream.origin = () => origins.next();
  pool.onChange = (buffer, label) => {
    if (label === undefined) memory.gave(buffer);
    else memory.took(buffer, label);
  };
  collector.onUse = (view, origin) => memory.used(view, origin);
  spectator.now = origins;
  try {
    gpu.scope(() => {
      const result: unknown = step();
      if (result instanceof Promise) {
        result.catch(() => {}); // what it failed with, if it did, follows from not being awaited
        throw new Error("[profile] 'step' must be synchronous; await its results outside");
      }
    });
  } finally {
    spectator.now = undefined;
    pool.onChange = undefined;
    stream.origin = undefined;
    collector.isClosed = true;
  }
}

function hasTimestamps({ raw }: Device): boolean {
  return raw.features.has("timestamp-query");
}

function defaultMethod(device: Device): TimingMethod {
  return hasTimestamps(device) ? "timestamps" : "waiting";
}

/** The commands of a step, in order. */
class Collector implements Sink {
  readonly commands: DeferredCommand[] = [];
  readonly launches: Dispatch[] = [];
  /** Told of each view that a command names, and of a launch's origin. */
  onUse: ((view: BufferView, origin?: Origin) => void) | undefined;
  isClosed = false;

  dispatch(command: Dispatch): void {
    const launch = { ...command, views: command.views.map((view) => this.#freeze(view, command.origin)) };
    this.#add({ ...launch, kind: "dispatch" });
    this.launches.push(launch);
  }

  copy(source: BufferView, target: BufferView): void {
    this.#add({ kind: "copy", source: this.#freeze(source), target: this.#freeze(target) });
  }

  clear(target: BufferView): void {
    this.#add({ kind: "clear", target: this.#freeze(target) });
  }

  write(target: BufferView, { buffer, byteOffset, byteLength }: ArrayBufferView): void {
    const data = new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength));
    this.#add({ kind: "write", target: this.#freeze(target), data });
  }

  #add(command: DeferredCommand): void {
    if (this.isClosed)
      throw new Error("[profile] other work was given while gpu.profile() measures a step; await it before");
    this.commands.push(command);
  }

  /** Where a view lies now: it may be a tensor, which is gone when its commands are executed. */
  #freeze(view: BufferView, origin?: Origin): BufferView {
    const { buffer, byteOffset, byteLength } = view;
    this.onUse?.(view, origin);
    return { buffer, byteOffset, byteLength };
  }
}
