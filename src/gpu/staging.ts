/** Reads GPU memory to the host through pooled staging buffers: fresh mapped memory is slow on its first touch. */
import { waitQuietly } from "#host";
import type { GpuInfo } from "./adapter.ts";
import { type BufferView, sizeClass } from "./buffers.ts";
import type { CommandStream } from "./commands.ts";
import type { Errors } from "./errors.ts";
import { BufferUsage, mapModeRead } from "./flags.ts";

export class StagingPool {
  readonly #free = new Map<number, GPUBuffer[]>();
  readonly #device: GPUDevice;
  readonly #stream: CommandStream;
  readonly #errors: Errors;
  readonly #info: GpuInfo;

  constructor(device: GPUDevice, stream: CommandStream, errors: Errors, info: GpuInfo) {
    this.#device = device;
    this.#stream = stream;
    this.#errors = errors;
    this.#info = info;
  }

  /**
   * The bytes of each view after all commands given so far, in one copy and one wait.
   * @param emptied one of the views, which is zero from then on
   */
  async read(views: readonly BufferView[], emptied?: BufferView): Promise<ArrayBuffer[]> {
    const places: { readonly offset: number; readonly byteLength: number }[] = [];
    let end = 0;
    for (const { byteLength } of views) {
      places.push({ offset: end, byteLength });
      end += Math.max(8, Math.ceil(byteLength / 8) * 8);
    }
    const size = Math.max(end, Math.min(sizeClass(end), this.#device.limits.maxBufferSize));
    const free = this.#free.get(size) ?? [];
    this.#free.set(size, free);
    const staging = free.pop() ?? this.#errors.watch(() => this.#create(size));
    views.forEach((view, index) => {
      this.#stream.copyOut(view, staging, places[index]?.offset ?? 0, view === emptied);
    });
    this.#stream.flush();
    await waitQuietly(
      this.#errors.watch(() => staging.mapAsync(mapModeRead)),
      this.#info,
    );
    const mapped = staging.getMappedRange(0, end);
    const copies = places.map(({ offset, byteLength }) => mapped.slice(offset, offset + byteLength));
    staging.unmap();
    free.push(staging);
    return copies;
  }

  #create(size: number): GPUBuffer {
    const usage = BufferUsage.mapRead | BufferUsage.copyDestination;
    return this.#device.createBuffer({ size, usage, label: `staging ${size}` });
  }
}
