/** Where Winograd's algorithm is faster than the direct kernels. */
import type { Device } from "../../../gpu/device.ts";
import type { WinogradConfiguration } from "../conv2d.ts";
import type { Conv2dShape } from "../shape.ts";
import { chooseAlgorithm, tileCounts } from "./algorithm.ts";
import { launchBackwardWinograd, launchForwardWinograd } from "./launch.ts";
import type { Layout } from "./layout.ts";
import { partsOf, splitsOf } from "./parts.ts";
import { rowsLayout } from "./rows-layout.ts";

/**
 * Fewer channels don't fill a panel, and fewer tiles don't pay for transforming the weights. On software Vulkan with 8 lanes, 16->16@32 at batch 64 takes 33 ms
 * in place of the direct kernels' 21 (before they had one for few channels), 24->64@31 128 in place of 150, 32->32@16 14 in place of 21; of tiles, an estimate of 17 balances the forward convolution.
 * On an H200, forward and both gradients take, in ms, where the direct kernels have their best tiles: 24->64@31 at batch 500 1.60 in place of 1.89, 64->64@32 at
 * batch 32 0.28 in place of 0.30, 512->512@4 0.23 in place of 0.29.
 */
const fewestChannels = 24;
const fewestTiles = 24;
/**
 * The filter gradient reads points for every weight. On software Vulkan it takes the direct kernel's time with 24 tiles (0.8 to 1.15), 0.7 to 0.85 of it with 32 (512->512@4 22 ms in place of
 * 31), and 0.6 with 64.
 */
const fewestTilesOfWeightGrad = ({ lanes }: Layout) => (lanes === undefined ? fewestTiles : 32);

/** What computes a convolution by the algorithm, where that's faster and its matrices fit the adapter's bindings. */
export function chooseWinograd(
  device: Device,
  shape: Conv2dShape,
  layout: Layout = rowsLayout,
): WinogradConfiguration | undefined {
  const { n, ci, co } = shape;
  const algorithm = chooseAlgorithm(shape);
  if (!algorithm || Math.min(ci, co) < fewestChannels || ci % 4 > 0 || co % 4 > 0) return undefined;
  const [tilesY, tilesX] = tileCounts(algorithm, shape);
  const tiles = n * tilesY * tilesX;
  const parts = partsOf(device, layout, shape, algorithm);
  const plan = parts[0]?.plan;
  const limit = device.limits.maxStorageBufferBindingSize;
  if (tiles < fewestTiles || !plan || plan.bytes(plan.weight) > limit) return undefined;
  const weight = plan.bytes(plan.weight);
  const weightGrad = tiles >= fewestTilesOfWeightGrad(layout) && splitsOf(parts) * weight <= limit;
  const input = weightGrad && parts.length === 1 ? plan.bytes(plan.x) : 0;
  const way = { layout, algorithm };
  return {
    forward: (device, args) => launchForwardWinograd(device, args, way),
    backward: (device, args) => launchBackwardWinograd(device, args, way),
    weightGrad,
    kept: { input, weight },
  };
}
