/** How much memory a run may take, and what is said of it. */
import { totalmem } from "node:os";
import type { Gpu, train } from "wgrad";
import type { Options } from "./options.ts";

const mebibyte = 2 ** 20;

/** Bytes; undefined where nobody knows: WebGPU doesn't tell how much memory a GPU has. */
export function memoryLimit({ memory }: Options, { info }: Gpu): number | undefined {
  if (memory !== undefined) return memory * mebibyte;
  if (!info.isSoftware) return undefined;
  const container = process.constrainedMemory?.() ?? 0;
  return container > 0 ? Math.min(container, totalmem()) : totalmem();
}

export function describeMemory({ bytes, step, model, dataSet }: train.MemoryNeed, { info }: Gpu): string {
  const where = info.isSoftware ? "of the host's memory" : "on the GPU";
  return (
    `# Memory: ${shown(bytes)} ${where}: ${shown(step)} for a step, ${shown(model)} for parameters, gradients and optimiser, ` +
    `${shown(dataSet)} for the data set`
  );
}

function shown(bytes: number): string {
  const value = bytes / mebibyte;
  return `${value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en-US")} MiB`;
}
