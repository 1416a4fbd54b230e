/** Loads the kernels that only some devices need, so that a browser with a GPU doesn't load those for software Vulkan. */
import type { Device } from "../gpu/device.ts";
import { usesSubgroups } from "./configuration.ts";

type SoftwareKernels = typeof import("./software.ts");
let loaded: SoftwareKernels | undefined;

/** Loads what the device's configurations need. Before its first op. */
export async function loadKernels(device: Device): Promise<void> {
  if (usesSubgroups(device)) await loadSoftwareKernels();
}

export async function loadSoftwareKernels(): Promise<void> {
  loaded ??= await import("./software.ts");
}

/** @throws Error before they're loaded */
export function softwareKernels(): SoftwareKernels {
  if (loaded) return loaded;
  throw new Error("[gpu] the kernels for software Vulkan aren't loaded; make the device with createGpu()");
}
