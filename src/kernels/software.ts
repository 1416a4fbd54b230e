/** What only software Vulkan uses: a third of the kernels' code. Loaded where a device needs it, see `loading.ts`. */
export {
  launchForwardSubgroup,
  launchInputGradSubgroup,
  launchWeightGradSubgroup,
  suitsSubgroup as suitsConv2dSubgroup,
} from "./conv2d/subgroup.ts";
export {
  launchForwardWindows,
  launchWeightGradWindows,
  suitsWindows,
  windowBytes,
} from "./conv2d/windows.ts";
export { chooseWinograd } from "./conv2d/winograd/choice.ts";
export { launchBackwardWinograd, launchForwardWinograd } from "./conv2d/winograd/launch.ts";
export { launchGemmSubgroup, suitsSubgroup as suitsGemmSubgroup } from "./gemm/subgroup.ts";
