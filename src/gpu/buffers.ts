/**
 * GPU buffers from a pool of size classes.
 *
 * Fresh memory is slow (a software adapter touches each page first) and `createBuffer` isn't free, so a released buffer is
 * handed out again. Commands run in the order in which they were given, so a buffer can be released as soon as the last
 * command that uses it was encoded. A class is a quarter step between powers of two: at most a fifth of a buffer is slack.
 */
import { BufferUsage } from "./flags.ts";

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
}

export interface MemoryUse {
  /** Buffers in existence, free ones included. */
  readonly buffers: number;
  /** Their bytes. */
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

export class BufferPool {
  #free = new Map<number, GpuBuffer[]>();
  #buffers = 0;
  #bytes = 0;
  #freeBytes = 0;
  #nextId = 1;
  readonly #device: GPUDevice;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get use(): MemoryUse {
    return { buffers: this.#buffers, bytes: this.#bytes, usedBytes: this.#bytes - this.#freeBytes };
  }

  /** A buffer of at least `bytes`, holding whatever it held before. @throws Error that names `label` where the adapter can't hold it. */
  acquire(bytes: number, label: string): GpuBuffer {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (!(bytes <= limit)) {
      throw new Error(
        `[memory] '${label}' needs a buffer of ${bytes.toLocaleString("en")} bytes, but this adapter's limit is ` +
          `${limit.toLocaleString("en")}; use a smaller batch or split the tensor`,
      );
    }
    const size = Math.min(sizeClass(bytes), Math.floor(limit / 4) * 4);
    const free = this.#free.get(size)?.pop();
    if (free) {
      this.#freeBytes -= size;
      return free;
    }
    this.#buffers += 1;
    this.#bytes += size;
    return {
      raw: this.#device.createBuffer({ size, usage, label: `pool ${size}` }),
      id: this.#nextId++,
      size,
    };
  }

  release(buffer: GpuBuffer): void {
    const free = this.#free.get(buffer.size);
    if (free) free.push(buffer);
    else this.#free.set(buffer.size, [buffer]);
    this.#freeBytes += buffer.size;
  }

  /** Gives free buffers back to the driver. Only after a flush: a buffer that unsubmitted commands use must live. */
  trim(): void {
    for (const [size, buffers] of this.#free) {
      for (const { raw } of buffers) raw.destroy();
      this.#buffers -= buffers.length;
      this.#bytes -= buffers.length * size;
      this.#freeBytes -= buffers.length * size;
    }
    this.#free.clear();
  }
}
