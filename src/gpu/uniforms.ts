/**
 * Kernel parameters in uniform buffers, stored once per distinct content.
 *
 * Shapes repeat from step to step, so after the first step a launch finds its parameters here and uploads nothing. A slot is
 * never rewritten, so recorded and queued commands can refer to it for good.
 */
import type { Errors } from "./errors.ts";
import { BufferUsage } from "./flags.ts";

const slotsPerPage = 64;
const mostPages = 256;

/** Where a launch's parameters lie. */
export interface UniformSlot {
  readonly raw: GPUBuffer;
  readonly offset: number;
  readonly id: number;
}

export class UniformCache {
  #slots = new Map<string, UniformSlot>();
  #page: GPUBuffer | undefined;
  #nextId = 1;
  readonly #device: GPUDevice;
  readonly #errors: Errors;
  readonly #slotBytes: number;

  constructor(device: GPUDevice, errors: Errors) {
    this.#device = device;
    this.#errors = errors;
    this.#slotBytes = Math.max(256, device.limits.minUniformBufferOffsetAlignment);
  }

  /** The slot that holds exactly these 32-bit words. */
  find(words: Uint32Array<ArrayBuffer>): UniformSlot {
    const key = words.join();
    let slot = this.#slots.get(key);
    if (!slot) {
      slot = this.#errors.watch(() => this.#append(words));
      this.#slots.set(key, slot);
    }
    return slot;
  }

  #append(words: Uint32Array<ArrayBuffer>): UniformSlot {
    const index = this.#slots.size % slotsPerPage;
    if (index === 0 || !this.#page) {
      // Bind groups in use keep their page alive.
      if (this.#slots.size >= slotsPerPage * mostPages) this.#slots.clear();
      this.#page = this.#device.createBuffer({
        size: slotsPerPage * this.#slotBytes,
        usage: BufferUsage.uniform | BufferUsage.copyDestination,
        label: "kernel parameters",
      });
    }
    const offset = index * this.#slotBytes;
    this.#device.queue.writeBuffer(this.#page, offset, words);
    return { raw: this.#page, offset, id: this.#nextId++ };
  }
}
