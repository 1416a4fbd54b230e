/** Loads the kernels that only some devices need, so that a browser with a GPU doesn't load those for software Vulkan. */
import type { Device } from "../gpu/device.ts";
import { provideTexels } from "../gpu/texels.ts";
import { usesSubgroups, usesWinograd } from "./configuration.ts";

type SoftwareKernels = typeof import("./software.ts");
type WinogradKernels = typeof import("./winograd.ts");
let software: SoftwareKernels | undefined;
let winograd: WinogradKernels | undefined;

/** Loads what the device's configurations need. Before its first op. */
export async function loadKernels(device: Device): Promise<void> {
  if (usesSubgroups(device)) await loadSoftwareKernels();
  if (usesWinograd(device)) await loadWinogradKernels();
}

export async function loadSoftwareKernels(): Promise<void> {
  software ??= await import("./software.ts");
  provideTexels(software.TexelTextures);
}

export async function loadWinogradKernels(): Promise<void> {
  winograd ??= await import("./winograd.ts");
}

/** @throws Error before they're loaded */
export function softwareKernels(): SoftwareKernels {
  if (software) return software;
  throw new Error("[gpu] the kernels for software Vulkan aren't loaded; make the device with createGpu()");
}

/** @throws Error before they're loaded */
export function winogradKernels(): WinogradKernels {
  if (winograd) return winograd;
  throw new Error(
    "[gpu] the kernels of Winograd's algorithm aren't loaded; make the device with createGpu()",
  );
}
