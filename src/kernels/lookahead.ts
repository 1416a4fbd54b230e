/**
 * Lookahead's synchronisation: `copy += (live - copy) weight`, `live = copy`, over a range; the copy is the slow one. The weight is data, of one element:
 * it differs from call to call. Bound by memory, 2 vec4 in, 2 out, once in several steps.
 */
import { kernel, wgsl } from "../gpu/kernel.ts";

export const lookaheadSync = kernel("lookahead_sync", {
  read: { weight: "scalar" },
  update: { copy: "quad", live: "quad" },
  params: { n: "u32" },
  elementwise: true,
  setup: "let w = weight[0];",
  body: wgsl`
    let before = copy[i];
    let after = before + (live[i] - before) * w;
    copy[i] = after;
    live[i] = after;`,
});
