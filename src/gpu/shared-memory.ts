/**
 * Memory that a device's recordings share.
 *
 * What a recording plans is needed only while its own commands run, and replays never overlap: the commands of each are submitted together,
 * in order. So training and evaluation, or evaluations of several batch sizes, take the largest's memory and not the sum. A buffer
 * goes back to the driver with the last recording that uses it; a small recording takes no much larger buffer, which it would keep alive.
 */
import type { GpuBuffer } from "./buffers.ts";

const mostSlack = 4;

export class SharedMemory {
  readonly #users = new Map<GpuBuffer, number>();
  readonly #create: (bytes: number) => GpuBuffer;
  readonly #destroy: (buffer: GpuBuffer) => void;

  constructor(create: (bytes: number) => GpuBuffer, destroy: (buffer: GpuBuffer) => void) {
    this.#create = create;
    this.#destroy = destroy;
  }

  /** For each size a buffer that is at least as large, none of them twice. */
  borrow(sizes: readonly number[]): GpuBuffer[] {
    const free = [...this.#users.keys()].sort((a, b) => a.size - b.size);
    const found = new Map<number, GpuBuffer>();
    const largestFirst = sizes.map((bytes, index) => ({ bytes, index })).sort((a, b) => b.bytes - a.bytes);
    for (const { bytes, index } of largestFirst) {
      const at = free.findIndex(({ size }) => size >= bytes && size <= mostSlack * bytes);
      const [buffer = this.#create(bytes)] = at < 0 ? [] : free.splice(at, 1);
      this.#users.set(buffer, (this.#users.get(buffer) ?? 0) + 1);
      found.set(index, buffer);
    }
    return sizes.flatMap((_, index) => found.get(index) ?? []);
  }

  giveBack(buffers: readonly GpuBuffer[]): void {
    for (const buffer of buffers) {
      const users = (this.#users.get(buffer) ?? 1) - 1;
      if (users > 0) this.#users.set(buffer, users);
      else {
        this.#users.delete(buffer);
        this.#destroy(buffer);
      }
    }
  }
}
