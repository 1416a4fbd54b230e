/**
 * GPU buffers from a pool of size classes.
 *
 * Fresh memory is slow (a software adapter touches each page first) and `createBuffer` isn't free, so a released buffer is
 * handed out again. Commands run in the order in which they were given, so a buffer can be released as soon as the last
 * command that uses it was encoded. A class is a quarter step between powers of two: at most a fifth of a buffer is slack.
 */
import type { Errors } from "./errors.ts";
import { BufferUsage } from "./flags.ts";

/** Thrown where memory doesn't suffice. */
export class MemoryError extends Error {
  override readonly name = "MemoryError";
}

/** One GPU buffer and the number that identifies it in cache keys. */
export interface GpuBuffer {
  readonly raw: GPUBuffer;
  readonly id: number;
  /** Bytes, of which the last ones may be slack of the size class. */
  readonly size: number;
}

/** A range of a buffer: what a kernel binds. `byteOffset` is a multiple of 256 unless it isn't bound but only copied. */
export interface BufferView {
  readonly buffer: GpuBuffer;
  readonly byteOffset: number;
  readonly byteLength: number;
  /** What says where the range lies from now on, where it may move. */
  readonly storage?: BufferView;
}

/** What exists on the GPU. Buffers that are free wait to be used again. */
export interface MemoryUse {
  /** Buffers in existence, free ones included. */
  readonly buffers: number;
  /** Their bytes, and those of textures that buffers are copied to (see `texels.ts`). */
  readonly bytes: number;
  /** Bytes of those that are in use. */
  readonly usedBytes: number;
}

const usage = BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyDestination;
const smallest = 256;

/** The bytes that a request is rounded up to. */
export function sizeClass(bytes: number): number {
  if (bytes <= smallest) return smallest;
  const step = Math.max(smallest, 2 ** (Math.floor(Math.log2(bytes - 1)) - 2));
  return Math.ceil(bytes / step) * step;
}

/** Of the next buffer, whichever pool makes it: caches of one device mustn't take another's buffer for one of its own. */
let nextId = 1;

export class BufferPool {
  #free = new Map<number, GpuBuffer[]>();
  #buffers = 0;
  #bytes = 0;
  #freeBytes = 0;
  #pins = new Map<GpuBuffer, { count: number; released: boolean }>();
  /** What waits for being destroyed, while commands that use it may not have been executed. */
  #held: GpuBuffer[] | undefined;
  /** The buffers in use, and for what. */
  readonly inUse = new Map<GpuBuffer, string>();
  /** Told of each buffer that is taken, and for what, or given back: then there's no label. */
  onChange: ((buffer: GpuBuffer, label?: string) => void) | undefined;
  readonly #device: GPUDevice;
  readonly #errors: Errors;

  constructor(device: GPUDevice, errors: Errors) {
    this.#device = device;
    this.#errors = errors;
  }

  get use(): MemoryUse {
    return { buffers: this.#buffers, bytes: this.#bytes, usedBytes: this.#bytes - this.#freeBytes };
  }

  /** A buffer of at least `bytes`, holding whatever it held before. @throws MemoryError that names `label` where the adapter can't hold it. */
  acquire(bytes: number, label: string): GpuBuffer {
    this.check(bytes, label);
    const size = Math.min(sizeClass(bytes), Math.floor(this.#limit / 4) * 4);
    const free = this.#free.get(size)?.pop();
    if (!free) return this.create(size, "pool", label);
    this.#freeBytes -= size;
    return this.#took(free, label);
  }

  /** @throws MemoryError that names `label` if the adapter has no buffers of `bytes` */
  check(bytes: number, label: string): void {
    const limit = this.#limit;
    if (bytes <= limit) return;
    throw new MemoryError(
      `[memory] '${label}' needs a buffer of ${bytes.toLocaleString("en")} bytes, but this adapter's limit is ` +
        `${limit.toLocaleString("en")}; use a smaller batch or split the tensor`,
    );
  }

  /** A buffer of exactly `size` bytes, a multiple of 4, that isn't handed out again after `destroy`. */
  create(size: number, label: string, purpose = label): GpuBuffer {
    this.#buffers += 1;
    this.#bytes += size;
    const raw = this.#errors.watch(() =>
      this.#device.createBuffer({ size, usage, label: `${label} ${size}` }),
    );
    return this.#took({ raw, id: nextId++, size }, purpose);
  }

  /** Frees a buffer that isn't used any more. Only after a flush. */
  destroy(buffer: GpuBuffer): void {
    if (this.#held) {
      this.#held.push(buffer);
      return;
    }
    buffer.raw.destroy();
    this.#buffers -= 1;
    this.#bytes -= buffer.size;
    this.#gave(buffer);
  }

  /** Destroys nothing until it's called with false: commands are to be executed later than they're given. */
  hold(on: boolean): void {
    const held = this.#held ?? [];
    this.#held = on ? held : undefined;
    if (!on) for (const buffer of held) this.destroy(buffer);
  }

  #took(buffer: GpuBuffer, label: string): GpuBuffer {
    this.inUse.set(buffer, label);
    this.onChange?.(buffer, label);
    return buffer;
  }

  #gave(buffer: GpuBuffer): void {
    this.inUse.delete(buffer);
    this.onChange?.(buffer);
  }

  /** Keeps a buffer from being handed out again, also if it's released. */
  pin(buffer: GpuBuffer): void {
    const pin = this.#pins.get(buffer);
    if (pin) pin.count += 1;
    else this.#pins.set(buffer, { count: 1, released: false });
  }

  unpin(buffer: GpuBuffer): void {
    const pin = this.#pins.get(buffer);
    if (!pin) return;
    pin.count -= 1;
    if (pin.count > 0) return;
    this.#pins.delete(buffer);
    if (pin.released) this.release(buffer);
  }

  get #limit(): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    return Math.min(maxBufferSize, maxStorageBufferBindingSize);
  }

  release(buffer: GpuBuffer): void {
    const pin = this.#pins.get(buffer);
    if (pin) {
      pin.released = true;
      return;
    }
    const free = this.#free.get(buffer.size);
    if (free) free.push(buffer);
    else this.#free.set(buffer.size, [buffer]);
    this.#freeBytes += buffer.size;
    this.#gave(buffer);
  }

  /** Gives free buffers back to the driver. Only after a flush: a buffer that unsubmitted commands use must live. */
  trim(): void {
    if (this.#held) return;
    for (const [size, buffers] of this.#free) {
      for (const { raw } of buffers) raw.destroy();
      this.#buffers -= buffers.length;
      this.#bytes -= buffers.length * size;
      this.#freeBytes -= buffers.length * size;
    }
    this.#free.clear();
  }
}
