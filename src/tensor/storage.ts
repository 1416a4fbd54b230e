/**
 * Where a tensor's elements lie: a range of a buffer, shared by the tensors that are views of it.
 *
 * Counts its users and gives its memory back after the last. `version` counts overwrites, so that backward can tell when a
 * value that an op saved isn't there any more. An arena may move a storage; its views follow.
 */
import type { BufferView, GpuBuffer } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";

/** Whom a storage's memory belongs to: it takes it back after the last use, and is kept alive until then. */
export interface StorageOwner {
  reclaim(view: BufferView): void;
}

export class Storage implements BufferView {
  #view: BufferView;
  #users = 0;
  #owner: StorageOwner | undefined;
  readonly #device: Device;
  #version = 0;

  /** @param owner whom the memory belongs to; the device's pool by default */
  constructor(device: Device, view: BufferView, owner?: StorageOwner) {
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
  /** The arena or shelf that it lies in, if it does. */
  get owner(): StorageOwner | undefined {
    return this.#owner;
  }

  /** How often the content was overwritten after it was first made. */
  get version(): number {
    return this.#version;
  }
  set version(version: number) {
    const added = version - this.#version;
    this.#version = version;
    this.#device.tracing?.effects.push(() => {
      this.#version += added;
    });
  }

  retain(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#giveBack();
  }

  /** Copies the content to a place that somebody else owns, and lies there from now on. */
  moveTo(view: BufferView, owner: StorageOwner): void {
    this.#device.refuseWhileRecording(
      "storage",
      "tensors would move in every replay; make optimisers before the step is recorded",
    );
    this.#device.stream.copy(this, view);
    this.#giveBack();
    this.#view = view;
    this.#owner = owner;
  }

  #giveBack(): void {
    if (this.#owner) this.#owner.reclaim(this.#view);
    else this.#device.release(this.#view);
  }
}
