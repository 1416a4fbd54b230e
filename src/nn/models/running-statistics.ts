import { Arena } from "../../tensor/arena.ts";
import type { Gpu } from "../../tensor/gpu.ts";
import type { Module } from "../module.ts";

/** Moves a finished model's buffers into one piece of memory: a snapshot reads it at once. */
export function joinRunningStatistics(gpu: Gpu, model: Module): void {
  const statistics = model.namedBuffers().map(([, tensor]) => tensor);
  Arena.adopt(gpu.device, statistics, "running statistics");
}
