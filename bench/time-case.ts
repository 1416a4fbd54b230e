/** Times a kernel case on buffers of its own. Runs in any WebGPU host. */
import type { Device } from "../src/gpu/device.ts";
import type { HostValues, KernelCase } from "../src/kernels/cases.ts";
import { medianOf, type SampleOptions, sample, spreadOf } from "./timing.ts";

export interface Measured {
  readonly name: string;
  readonly ms: number;
  /** Half the distance between the quartiles, relative to the median. */
  readonly spread: number;
  readonly samples: number;
  readonly gflops: number | null;
  readonly gigabytesPerSecond: number | null;
}

export async function timeCase(
  device: Device,
  kernelCase: KernelCase,
  options: SampleOptions,
): Promise<Measured> {
  const inputs: Record<string, HostValues> = { ...kernelCase.inputs() };
  for (const [name, count] of Object.entries(kernelCase.outputs)) inputs[name] ??= new Float32Array(count);
  const views = Object.fromEntries(
    Object.entries(inputs).map(([name, data]) => {
      const view = device.allocate(data.byteLength, name);
      device.write(view, data);
      return [name, view];
    }),
  );
  const times = await sample(device, () => kernelCase.launch(device, views), options);
  for (const view of Object.values(views)) device.release(view);

  const ms = medianOf(times);
  return {
    name: kernelCase.name,
    ms,
    spread: spreadOf(times),
    samples: times.length,
    gflops: kernelCase.flops === undefined ? null : kernelCase.flops / ms / 1e6,
    gigabytesPerSecond: kernelCase.bytes === undefined ? null : kernelCase.bytes / ms / 1e6,
  };
}
