/** Whether a training run fits into memory, and which batch would: known before it starts, from traces of its steps. */
import type { DataSet, GpuImages } from "../data/gpu-images.ts";
import { MemoryError } from "../gpu/buffers.ts";
import { plannedBytes } from "../gpu/memory-need.ts";
import type { Gpu } from "../tensor/gpu.ts";

/** What a run needs on the GPU (with a software adapter: of the host's memory), in bytes. */
export interface MemoryNeed {
  readonly bytes: number;
  /** Of these what a step computes with; training and validation share it. */
  readonly step: number;
  readonly dataSet: number;
  /** All else that is there: parameters, gradients, optimiser. */
  readonly model: number;
}

/** @param steps those that the run will take, not at the same time @throws MemoryError */
export function memoryNeed(gpu: Gpu, { train, test }: DataSet, steps: readonly (() => void)[]): MemoryNeed {
  const planned = steps.map((step) => plannedBytes(gpu.device, () => gpu.scope(() => void step()))); // what one returns isn't kept
  const step = Math.max(...planned);
  const { usedBytes } = gpu.memory;
  const dataSet = bytesOf(train) + bytesOf(test);
  return { bytes: usedBytes + step, step, dataSet, model: usedBytes - dataSet };
}

/**
 * Refuses a batch that needs too much.
 * @param needOf what a batch needs @param limit bytes
 * @throws MemoryError that names the largest batch that fits
 */
export function requireFit(batch: number, limit: number, needOf: (batch: number) => MemoryNeed): MemoryNeed {
  const excess = (size: number) => {
    try {
      const need = needOf(size);
      return need.bytes <= limit ? need : tooMuch(need, limit);
    } catch (error) {
      if (error instanceof MemoryError)
        return error.message.replace(/^\[memory\] /, "").replace(/; use .*/s, "");
      throw error;
    }
  };
  const found = excess(batch);
  if (typeof found !== "string") return found;
  // The next larger batch doesn't fit. One that is larger still may, where kernels split their sums into fewer parts.
  let [fits, fails] = [0, batch];
  while (fails - fits > 1) {
    const middle = Math.floor((fits + fails) / 2);
    if (typeof excess(middle) === "string") fails = middle;
    else fits = middle;
  }
  const advice =
    fits > 0
      ? `the largest batch that fits is ${fits}`
      : "no batch fits: use a smaller model or fewer images, or allow more";
  throw new MemoryError(`[fit] a batch of ${batch} doesn't fit: ${found}; ${advice}`);
}

function tooMuch({ bytes, step, dataSet, model }: MemoryNeed, limit: number): string {
  const parts = `${mebibytes(step)} for a step, ${mebibytes(model)} for the model, ${mebibytes(dataSet)} for the data`;
  return `it needs ${mebibytes(bytes)} MiB (${parts}), but has ${mebibytes(limit)} MiB`;
}

function mebibytes(bytes: number): string {
  const value = bytes / 2 ** 20;
  return value < 100 ? String(Number(value.toPrecision(2))) : Math.round(value).toLocaleString("en");
}

function bytesOf({ chunks, labels }: GpuImages): number {
  return chunks.reduce((sum, { pixels }) => sum + pixels.byteLength, labels.byteLength);
}
