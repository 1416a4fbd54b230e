/**
 * What a function does to the device, collected instead of executed: its commands, and the memory that they need.
 *
 * Memory that is allocated on the way is virtual: a number of bytes and a lifetime, until somebody who knows all of them
 * gives them places. What the host does beside the commands (versions, gradients' places) is noted as effects, to be repeated
 * with each replay, and what the trace took for granted as assumptions.
 */
import type { BufferView, GpuBuffer } from "./buffers.ts";
import type { Dispatch, Sink } from "./commands.ts";

/** A buffer that a trace allocated. */
export class VirtualBuffer implements GpuBuffer {
  readonly size: number;
  readonly label: string;
  /** Where it lies, once it has been given a place. */
  real: GpuBuffer | undefined;
  /** Where in `real` it begins. */
  base = 0;
  isReleased = false;

  constructor(size: number, label: string) {
    this.size = size;
    this.label = label;
  }

  get raw(): GPUBuffer {
    return this.#place().raw;
  }
  get id(): number {
    return this.#place().id;
  }

  #place(): GpuBuffer {
    if (this.real) return this.real;
    throw new Error(`[record] '${this.label}' was made by a step that was traced and has no memory`);
  }
}

export type Command =
  | ({ readonly kind: "dispatch" } & Dispatch)
  | { readonly kind: "copy"; readonly source: BufferView; readonly target: BufferView }
  | { readonly kind: "clear"; readonly target: BufferView };

export class Trace implements Sink {
  readonly commands: Command[] = [];
  readonly virtuals: VirtualBuffer[] = [];
  /** Buffers from before that were released on the way. */
  readonly released: GpuBuffer[] = [];
  /** What the host does at each replay, in order. */
  readonly effects: (() => void)[] = [];
  /** What takes back what the host did, where no replay follows. */
  readonly undo: (() => void)[] = [];
  /** Leaves to whose gradients something was added. */
  readonly accumulated = new Set<BufferView>();
  /** Whether what the trace took for granted still holds. */
  readonly assumptions: (() => boolean)[] = [];
  /** Where the memory from before lay that the commands use. */
  readonly places = new Map<BufferView, BufferView>();
  /** What named that memory on somebody's behalf. */
  readonly handles = new Set<BufferView>();
  /** Whether work that a replay wouldn't repeat is refused. */
  readonly strict: boolean;

  constructor(strict: boolean) {
    this.strict = strict;
  }

  dispatch(command: Dispatch): void {
    this.commands.push({
      ...command,
      kind: "dispatch",
      views: command.views.map((view) => this.#freeze(view)),
    });
  }

  copy(source: BufferView, target: BufferView): void {
    this.commands.push({ kind: "copy", source: this.#freeze(source), target: this.#freeze(target) });
  }

  clear(target: BufferView): void {
    this.commands.push({ kind: "clear", target: this.#freeze(target) });
  }

  allocate(bytes: number, label: string): BufferView {
    const buffer = new VirtualBuffer(Math.max(16, Math.ceil(bytes / 16) * 16), label);
    this.virtuals.push(buffer);
    return { buffer, byteOffset: 0, byteLength: bytes };
  }

  /** A view as it is now: tensors and storages may move or be released later. */
  #freeze(view: BufferView): BufferView {
    const { buffer, byteOffset, byteLength } = view;
    const now = { buffer, byteOffset, byteLength };
    const isVirtual = buffer instanceof VirtualBuffer && !buffer.real;
    if (isVirtual) return now;
    this.places.set(view.storage ?? view, now);
    if (view.storage) this.handles.add(view);
    return now;
  }
}

/** The views that a command names. */
export function viewsOf(command: Command): readonly BufferView[] {
  if (command.kind === "dispatch") return command.views;
  return command.kind === "copy" ? [command.source, command.target] : [command.target];
}
