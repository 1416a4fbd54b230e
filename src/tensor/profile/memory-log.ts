/**
 * What lay in GPU memory while a step ran: each buffer from when it was taken to when it was given back, and the tensors in it.
 *
 * Moments are counted in launches. A recorded step's tensors take turns in a few buffers: those are rows, and count; the tensors are
 * rows of their own, marked as `shared`, that don't count.
 */
import type { BufferView, GpuBuffer } from "../../gpu/buffers.ts";
import type { Origin } from "../../gpu/origin.ts";
import type { VirtualBuffer } from "../../gpu/trace.ts";
import type { Tensor } from "../tensor.ts";
import { MemoryTimeline } from "./memory-timeline.ts";
import type { MemoryRow } from "./profile.ts";

/** A buffer's time in use. */
interface Use {
  readonly label: string;
  readonly bytes: number;
  from: number | undefined;
  to: number | undefined;
  /** Of the first launch that names it. */
  origin: Origin | undefined;
  readonly parts: Part[];
}

/** A tensor's place in a buffer. */
interface Part {
  readonly tensor: Tensor;
  readonly byteOffset: number;
  readonly byteLength: number;
}

export class MemoryLog {
  readonly #uses: Use[] = [];
  readonly #open = new Map<GpuBuffer, Use>();
  readonly #virtual = new Map<VirtualBuffer, Use>();
  readonly #leaves = new Set<Tensor>();
  readonly #launches: () => number;

  /** @param inUse what is there before @param launches how many there have been so far */
  constructor(inUse: ReadonlyMap<GpuBuffer, string>, launches: () => number) {
    this.#launches = launches;
    for (const [buffer, label] of inUse) this.#begin(buffer, label, undefined);
  }

  took(buffer: GpuBuffer, label: string): void {
    this.#begin(buffer, label, this.#launches());
  }

  gave(buffer: GpuBuffer): void {
    const use = this.#open.get(buffer);
    if (use) use.to = this.#launches();
    this.#open.delete(buffer);
  }

  /** A command names a buffer. @param origin of a launch */
  used(view: BufferView, origin: Origin | undefined): void {
    const { buffer } = view.storage ?? view;
    const use = this.#useOf(buffer);
    if (!use) return;
    if (use.from !== undefined) use.origin ??= origin;
    if (!(isVirtual(buffer) && buffer.isReleased)) return;
    if (use.to === undefined) use.from = this.#launches(); // what it was made at was the recording
    use.to = this.#launches() + 1;
  }

  /** A tensor was made. */
  made(tensor: Tensor): void {
    const { buffer, byteOffset, byteLength } = tensor.storage;
    this.#useOf(buffer)?.parts.push({ tensor, byteOffset, byteLength });
  }

  /** A tensor from before was used. */
  found(tensor: Tensor): void {
    if (this.#leaves.has(tensor)) return;
    this.#leaves.add(tensor);
    this.made(tensor);
  }

  finish(): { readonly memory: readonly MemoryRow[]; readonly timeline: MemoryTimeline } {
    for (const { grad } of this.#leaves) if (grad && !grad.isReleased) this.made(grad);
    for (const [buffer, use] of this.#virtual) this.#place(buffer, use);
    const memory = this.#uses.flatMap((use) => rowsOf(use));
    for (const [buffer, use] of this.#virtual) {
      const isShared = buffer.isReleased && use.to !== undefined;
      if (isShared) memory.push({ ...rowOf(use, use.bytes, use.parts[0]), shared: true });
    }
    return { memory, timeline: new MemoryTimeline(memory, this.#launches()) };
  }

  /** What a recording left unreleased has got a buffer of its own. */
  #place({ real, isReleased }: VirtualBuffer, { parts, origin }: Use): void {
    const use = real && !isReleased && this.#open.get(real);
    if (!use) return;
    use.parts.push(...parts);
    if (use.from !== undefined) use.origin ??= origin;
  }

  #useOf(buffer: GpuBuffer): Use | undefined {
    if (!isVirtual(buffer)) return this.#open.get(buffer);
    const seen = this.#virtual.get(buffer);
    if (seen) return seen;
    const { label, size: bytes } = buffer;
    const use: Use = { label, bytes, from: this.#launches(), to: undefined, origin: undefined, parts: [] };
    this.#virtual.set(buffer, use);
    return use;
  }

  #begin(buffer: GpuBuffer, label: string, from: number | undefined): void {
    const use: Use = { label, bytes: buffer.size, from, to: undefined, origin: undefined, parts: [] };
    this.#uses.push(use);
    this.#open.set(buffer, use);
  }
}

/** By a property, since the class would tear the bundle's first part into pieces. */
function isVirtual(buffer: GpuBuffer): buffer is VirtualBuffer {
  return "isReleased" in buffer;
}

/** The tensors of a buffer, and what is left of it. */
function rowsOf(use: Use): MemoryRow[] {
  const places = new Map<number, Part>();
  for (const part of use.parts) {
    const before = places.get(part.byteOffset);
    if (!before || before.tensor.name === "") places.set(part.byteOffset, part);
  }
  const parts = [...places.values()].sort((a, b) => a.byteOffset - b.byteOffset);
  let rest = use.bytes;
  const rows = parts.map((part, k) => {
    const end = parts[k + 1]?.byteOffset ?? use.bytes;
    const bytes = Math.min(end - part.byteOffset, Math.ceil(part.byteLength / 256) * 256);
    rest -= bytes;
    return rowOf(use, bytes, part);
  });
  const [only] = rows;
  // A buffer's slack is its tensor's.
  if (only && rows.length === 1 && 4 * rest <= use.bytes) return [{ ...only, bytes: use.bytes }];
  if (rest > 0) rows.push(rowOf(use, rest, undefined, rows.length > 0 ? ", rest" : ""));
  return rows;
}

function rowOf({ label, from, to, origin }: Use, bytes: number, part?: Part, suffix = ""): MemoryRow {
  return {
    name: part?.tensor.name || `${withoutShape(label)}${suffix}`,
    shape: part?.tensor.shape,
    bytes,
    ...{ module: origin?.module ?? "", op: origin?.op ?? "", pass: origin?.pass ?? "" },
    ...{ from, to, shared: false },
  };
}

/** Labels of unnamed tensors are their shapes. */
function withoutShape(label: string): string {
  return label.replace(/^tensor \[.*$/, "tensor");
}
