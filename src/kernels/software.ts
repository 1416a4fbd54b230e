/** What only software Vulkan uses: a third of the kernels' code. Loaded where a device needs it, see `loading.ts`. */
export { TexelTextures } from "../gpu/texel-textures.ts";
export { normalizeReluPool, pooledAffineGrad, pooledInputGrad, suitsPooled } from "./batch-norm/pooled.ts";
export { chooseWinogradSubgroup } from "./conv2d/subgroup-winograd.ts";
export { chooseConv2dSubgroup } from "./conv2d/windows.ts";
export { launchGemmSubgroup, suitsSubgroup as suitsGemmSubgroup } from "./gemm/subgroup.ts";
