/**
 * Where a tensor's elements lie: a range of a buffer, shared by the tensors that are views of it.
 *
 * Counts its users and gives its memory back after the last. `version` counts overwrites, so that backward can tell when a
 * value that an op saved isn't there any more. An arena may move a storage; its views follow.
 */
import type { BufferView, GpuBuffer } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";

export class Storage implements BufferView {
  #view: BufferView;
  #users = 0;
  #owner: object | undefined;
  readonly #device: Device;
  /** How often the content was overwritten after it was first made. */
  version = 0;

  /** @param owner what the memory belongs to and is kept alive for; without one it goes back to the device's pool after the last use */
  constructor(device: Device, view: BufferView, owner?: object) {
    this.#device = device;
    this.#view = view;
    this.#owner = owner;
  }

  static allocate(device: Device, bytes: number, label: string): Storage {
    return new Storage(device, device.allocate(bytes, label));
  }

  get buffer(): GpuBuffer {
    return this.#view.buffer;
  }
  get byteOffset(): number {
    return this.#view.byteOffset;
  }
  get byteLength(): number {
    return this.#view.byteLength;
  }
  get users(): number {
    return this.#users;
  }
  /** The arena that it lies in, if it does. */
  get owner(): object | undefined {
    return this.#owner;
  }

  retain(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users === 0 && !this.#owner) this.#device.release(this.#view);
  }

  /** Copies the content to a place that somebody else owns, and lies there from now on. */
  moveTo(view: BufferView, owner: object): void {
    this.#device.stream.copy(this, view);
    if (!this.#owner) this.#device.release(this.#view);
    this.#view = view;
    this.#owner = owner;
  }
}
