/** Reads GPU memory to the host through pooled staging buffers: fresh mapped memory is slow on its first touch. */
import { waitQuietly } from "#host";
import { type BufferView, sizeClass } from "./buffers.ts";
import type { CommandStream } from "./commands.ts";
import { BufferUsage, mapModeRead } from "./flags.ts";

export class StagingPool {
  readonly #free = new Map<number, GPUBuffer[]>();
  readonly #device: GPUDevice;
  readonly #stream: CommandStream;

  constructor(device: GPUDevice, stream: CommandStream) {
    this.#device = device;
    this.#stream = stream;
  }

  /** The bytes of `view` after all commands given so far. */
  async read(view: BufferView): Promise<ArrayBuffer> {
    const size = sizeClass(view.byteLength);
    const free = this.#free.get(size) ?? [];
    this.#free.set(size, free);
    const staging =
      free.pop() ??
      this.#device.createBuffer({
        size,
        usage: BufferUsage.mapRead | BufferUsage.copyDestination,
        label: `staging ${size}`,
      });
    this.#stream.copyOut(view, staging);
    await waitQuietly(staging.mapAsync(mapModeRead));
    const bytes = staging
      .getMappedRange(0, Math.max(4, Math.ceil(view.byteLength / 4) * 4))
      .slice(0, view.byteLength);
    staging.unmap();
    free.push(staging);
    return bytes;
  }
}
