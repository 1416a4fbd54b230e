/** An exponential moving average over a range, and its exchange with what it's of. Bound by memory: 2 vec4 in, 1 and 2 out. */
import { kernel, wgsl } from "../gpu/kernel.ts";

/** `average += (live - average) weight`. */
export const averageUpdate = kernel("average_update", {
  read: { live: "quad", weight: "scalar" },
  update: { copy: "quad" },
  params: { n: "u32" },
  elementwise: true,
  body: wgsl`copy[i] += (live[i] - copy[i]) * weight[0];`,
});

export const swapValues = kernel("swap_values", {
  update: { copy: "quad", live: "quad" },
  params: { n: "u32" },
  elementwise: true,
  body: wgsl`
    let kept = copy[i];
    copy[i] = live[i];
    live[i] = kept;`,
});
