/**
 * Where losses lie after their backward: slots of shared buffers.
 *
 * A loss stays readable for as long as its user holds it, and without dispose nobody knows how long that is until the garbage
 * collector tells. A loop of a thousand steps would hold a thousand buffers by then; so they share one. Sharing is safe since
 * nothing writes to a loss any more, and a dispatch may read one buffer through several bindings.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import type { Storage, StorageOwner } from "./storage.ts";

const slotBytes = 256;
const slotsPerBuffer = 4096;

export class LossShelf implements StorageOwner {
  readonly #device: Device;
  readonly #free: BufferView[] = [];

  constructor(device: Device) {
    this.#device = device;
  }

  /** Moves a loss to the shelf. Its memory in the pool is free for the next step. */
  put(storage: Storage): void {
    if (this.#free.length === 0) this.#grow();
    const slot = this.#free.pop();
    if (slot) storage.moveTo({ ...slot, byteLength: storage.byteLength }, this);
  }

  reclaim({ buffer, byteOffset }: BufferView): void {
    this.#free.push({ buffer, byteOffset, byteLength: slotBytes });
  }

  #grow(): void {
    const { buffer } = this.#device.allocate(slotBytes * slotsPerBuffer, "losses");
    for (let slot = slotsPerBuffer - 1; slot >= 0; slot--) {
      this.#free.push({ buffer, byteOffset: slot * slotBytes, byteLength: slotBytes });
    }
  }
}
