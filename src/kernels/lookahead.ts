/**
 * Lookahead's synchronisation: `slow += (fast - slow) weight`, `fast = slow`, over a range. The weight is data, of one element:
 * it differs from call to call. Bound by memory, 2 vec4 in, 2 out, once in several steps.
 */
import { kernel, wgsl } from "../gpu/kernel.ts";

export const lookaheadSync = kernel("lookahead_sync", {
  read: { weight: "scalar" },
  update: { slow: "quad", fast: "quad" },
  params: { n: "u32" },
  elementwise: true,
  setup: "let w = weight[0];",
  body: wgsl`
    let before = slow[i];
    let after = before + (fast[i] - before) * w;
    slow[i] = after;
    fast[i] = after;`,
});
