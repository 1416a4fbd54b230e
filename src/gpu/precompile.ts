/**
 * Compiles the kernels of a step before it runs, with progress.
 *
 * The step is traced: its commands are collected and none is executed. Pipelines are made in parallel. A software driver
 * compiles to machine code only at a kernel's first dispatch, so there each kernel gets one workgroup on scratch buffers,
 * with parameters of zero.
 */
import type { Device } from "./device.ts";
import type { KernelSource } from "./pipelines.ts";

/** Called after each compiled kernel. */
export type CompileProgress = (done: number, total: number, kernel: string) => void;

export async function precompile(
  device: Device,
  step: () => void,
  onProgress?: CompileProgress,
): Promise<void> {
  const kernels = new Map<string, KernelSource>();
  const { trace } = device.trace(false, step);
  device.settle(trace);
  device.releaseDeferred(trace);
  for (const command of trace.commands) {
    if (command.kind !== "dispatch" || device.pipelines.has(command.kernel)) continue;
    kernels.set(command.kernel.source, command.kernel);
  }

  let done = 0;
  const finished = (kernel: KernelSource) => onProgress?.(++done, kernels.size, kernel.label);
  await Promise.all(
    [...kernels.values()].map(async (kernel) => {
      await device.pipelines.prepare(kernel);
      if (!device.info.isSoftware) finished(kernel);
    }),
  );
  if (!device.info.isSoftware) return;
  for (const kernel of kernels.values()) {
    const views = kernel.access.map(() => device.allocate(256, "precompile scratch"));
    const uniform = kernel.uniform ? device.uniforms.find(new Uint32Array(64)) : undefined;
    device.stream.dispatch({ kernel, views, uniform, groups: [1, 1] });
    views.forEach((view) => {
      device.release(view);
    });
    await device.idle();
    finished(kernel);
  }
}
