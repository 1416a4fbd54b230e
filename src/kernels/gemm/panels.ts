/** Products of matrices in panels, on software Vulkan; convolutions are made of them, too. */
import type { Device } from "../../gpu/device.ts";
import { suitsTexels } from "../../gpu/texel-textures.ts";
import { multiplyInLoop } from "./panel-loop.ts";
import type { PanelProductArguments } from "./panel-product.ts";
import { multiplyResident, residentSteps } from "./panel-resident.ts";

/** Encodes y = op(a) op(b) for every point. 8 rows quads 4 steps operations a point. */
export function multiplyPanels(device: Device, args: PanelProductArguments): void {
  const texels = suitsTexels(device, args.a, args.b);
  const resident = texels ? residentSteps(args) : undefined;
  if (resident) multiplyResident(device, args, resident);
  else multiplyInLoop(device, args, texels);
}
