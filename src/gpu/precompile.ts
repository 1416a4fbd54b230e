/**
 * Compiles the kernels of a step before it runs, with progress.
 *
 * The step is traced: its commands are collected and none is executed. Pipelines are made in parallel; for a software driver
 * that's not all, see `first-dispatch.ts`.
 */
import type { Device } from "./device.ts";
import type { KernelSource } from "./pipelines.ts";
import type { Command } from "./trace.ts";

/** Called with 0 once it's known what there is to compile, if anything, and after each compiled kernel. */
export type CompileProgress = (done: number, total: number, kernel: string) => void;

export async function precompile(
  device: Device,
  step: () => void,
  onProgress?: CompileProgress,
): Promise<void> {
  const { trace } = device.trace(false, step);
  device.settle(trace);
  device.releaseDeferred(trace);
  await compileKernels(device, trace.commands, onProgress);
}

/** Compiles what the launches among some commands need and the device doesn't have. */
export async function compileKernels(
  device: Device,
  commands: readonly (Command | { readonly kind: "write" })[],
  onProgress?: CompileProgress,
): Promise<void> {
  const kernels = new Map<string, KernelSource>();
  for (const command of commands) {
    if (command.kind !== "dispatch" || device.pipelines.has(command.kernel)) continue;
    kernels.set(command.kernel.source, command.kernel);
  }
  if (kernels.size === 0) return;
  let done = 0;
  onProgress?.(done, kernels.size, "");
  const finished = (kernel: KernelSource) => onProgress?.(++done, kernels.size, kernel.label);
  await Promise.all(
    [...kernels.values()].map(async (kernel) => {
      await device.pipelines.prepare(kernel);
      if (!device.info.isSoftware) finished(kernel);
    }),
  );
  if (!device.info.isSoftware) return;
  const { dispatchFirst } = await import("./first-dispatch.ts"); // a GPU doesn't need it
  await dispatchFirst(device, [...kernels.values()], finished);
}
