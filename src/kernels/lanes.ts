/**
 * How many invocations a kernel that is bound by memory gets, where each can do more than one element and there's a reason to say
 * itself which (`elementwise` kernels leave it to the framework).
 *
 * A software adapter pays for every workgroup, and for what each lane loads for itself. A GPU wants enough lanes to hide the
 * latency of memory. CPU ms of the batch normalizations, ReLU and dropout of a VGG step of batch 32, by lanes: 8192: 70.8,
 * 4096: 65.7, 2048: 64.3, 1024: 64.7.
 */
import type { Device } from "../gpu/device.ts";

export function lanesWanted(device: Device): number {
  return device.info.isSoftware ? 1024 : 32_768;
}

/** Where nothing has to be merged afterwards, a GPU of a hundred cores still gains from more: BatchNorm's dx by a quarter on an H200. */
export function mappingLanes(device: Device): number {
  return device.info.isSoftware ? lanesWanted(device) : 4 * lanesWanted(device);
}
