/**
 * One piece of memory for many tensors of the same kind (a model's parameters, their gradients, an optimiser's state), so
 * that one dispatch updates all of them.
 *
 * Places are 256-byte aligned, as bindings must be. An arena that is larger than a binding may be is split into chunks; a
 * tensor never straddles two.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { Storage, type StorageOwner } from "./storage.ts";
import type { Tensor } from "./tensor.ts";

interface Place {
  readonly chunk: number;
  readonly byteOffset: number;
  readonly byteLength: number;
}

export const arenaAlignment = 256;

// An arena is alive as long as a storage in it is.
const abandoned = new FinalizationRegistry<() => void>((release) => release());

export class Arena implements StorageOwner {
  readonly #places: readonly Place[];
  readonly #chunks: readonly BufferView[];
  readonly #device: Device;

  /** An arena of zeros with places for these numbers of bytes. */
  constructor(device: Device, byteLengths: readonly number[], label: string) {
    const { places, chunkBytes } = layOut(byteLengths, device.limits.maxStorageBufferBindingSize);
    this.#device = device;
    this.#places = places;
    this.#chunks = chunkBytes.map((bytes) => device.allocate(bytes, label));
    for (const chunk of this.#chunks) device.stream.clear(chunk);
    const chunks = this.#chunks;
    abandoned.register(this, () => {
      for (const chunk of chunks) device.release(chunk);
    });
  }

  /** Moves tensors into a new arena, in order; their handles and views stay valid. */
  static adopt(device: Device, tensors: readonly Tensor[], label: string): Arena {
    const arena = new Arena(
      device,
      tensors.map(({ byteLength }) => byteLength),
      label,
    );
    tensors.forEach((tensor, index) => {
      tensor.storage.moveTo(arena.view(index), arena);
    });
    return arena;
  }

  /** The place of one tensor. */
  view(index: number): BufferView {
    const place = this.#places[index];
    const chunk = place && this.#chunks[place.chunk];
    if (!chunk)
      throw new Error(`[arena] has ${this.#places.length} places, but place ${index} was asked for`);
    return { buffer: chunk.buffer, byteOffset: place.byteOffset, byteLength: place.byteLength };
  }

  /** One place as the storage of a tensor. */
  storage(index: number): Storage {
    return new Storage(this.#device, this.view(index), this);
  }

  /** Places stay their tensors' for the arena's whole life. */
  reclaim(): void {}
}

function layOut(byteLengths: readonly number[], limit: number): { places: Place[]; chunkBytes: number[] } {
  const chunkBytes: number[] = [];
  const places = byteLengths.map((byteLength) => {
    const padded = Math.ceil(byteLength / arenaAlignment) * arenaAlignment;
    const used = chunkBytes.at(-1);
    if (used === undefined || used + padded > limit) chunkBytes.push(0);
    const chunk = chunkBytes.length - 1;
    const byteOffset = chunkBytes[chunk] ?? 0;
    chunkBytes[chunk] = byteOffset + padded;
    return { chunk, byteOffset, byteLength };
  });
  return { places, chunkBytes };
}
