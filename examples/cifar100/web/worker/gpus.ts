/** Opens GPUs, closes them, and tells when one is lost that nobody closed. */
import type { Gpu, GpuOptions } from "wgrad";
import type { AdapterInfo } from "../protocol.ts";

export class Gpus {
  readonly #open: (options: GpuOptions) => Promise<Gpu>;
  readonly #onLost: (reason: string) => void;
  readonly #live = new Set<Gpu>();

  constructor(open: (options: GpuOptions) => Promise<Gpu>, onLost: (reason: string) => void) {
    this.#open = open;
    this.#onLost = onLost;
  }

  /** @param configurations kernels that a snapshot was computed with */
  async open(configurations: Readonly<Record<string, string>> = {}): Promise<Gpu> {
    const gpu = await this.#open({ configurations });
    this.#live.add(gpu);
    gpu.device.raw.lost.then(({ message }) => {
      if (this.#live.has(gpu)) this.#onLost(message);
    });
    return gpu;
  }

  close(gpu: Gpu): void {
    this.#live.delete(gpu);
    gpu.destroy();
  }

  closeAll(): void {
    for (const gpu of [...this.#live]) this.close(gpu);
  }
}

export function describeAdapter({ info, device }: Gpu): AdapterInfo {
  const { name, isSoftware, subgroupSize } = info;
  const timestamps = device.raw.features.has("timestamp-query");
  return { name, isSoftware, subgroupSize, timestamps };
}
