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

  /** The bytes of each view after all commands given so far, in one copy and one wait. */
  async read(views: readonly BufferView[]): Promise<ArrayBuffer[]> {
    const places: { readonly offset: number; readonly byteLength: number }[] = [];
    let end = 0;
    for (const { byteLength } of views) {
      places.push({ offset: end, byteLength });
      end += Math.max(8, Math.ceil(byteLength / 8) * 8);
    }
    const size = Math.max(end, Math.min(sizeClass(end), this.#device.limits.maxBufferSize));
    const free = this.#free.get(size) ?? [];
    this.#free.set(size, free);
    const staging =
      free.pop() ??
      this.#device.createBuffer({
        size,
        usage: BufferUsage.mapRead | BufferUsage.copyDestination,
        label: `staging ${size}`,
      });
    views.forEach((view, index) => {
      this.#stream.copyOut(view, staging, places[index]?.offset ?? 0);
    });
    this.#stream.flush();
    await waitQuietly(staging.mapAsync(mapModeRead));
    const mapped = staging.getMappedRange(0, end);
    const copies = places.map(({ offset, byteLength }) => mapped.slice(offset, offset + byteLength));
    staging.unmap();
    free.push(staging);
    return copies;
  }
}
