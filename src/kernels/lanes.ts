/**
 * How many invocations a kernel that is bound by memory gets, where each can do more than one element.
 *
 * A software adapter pays for every workgroup: with one vec4 a lane, ReLU over 8 MB takes 11 ms where batch normalization, three
 * dispatches whose lanes walk down 64 rows, takes 5. A GPU wants enough lanes to hide the latency of memory.
 */
import type { Device } from "../gpu/device.ts";

export function lanesWanted(device: Device): number {
  return device.info.isSoftware ? 1024 : 32768;
}
