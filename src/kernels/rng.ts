/**
 * A random stream's state on the GPU: `[seed low, seed high, draw low, draw high]`.
 *
 * A draw hands out a ticket, the state before it, and moves on. Whoever draws keeps its ticket for backward, so nothing
 * random is stored and a replayed step draws anew.
 */
import { kernel, wgsl } from "../gpu/kernel.ts";

export const rngDraw = kernel("rng_draw", {
  write: { ticket: "vec4u" },
  update: { state: "vec4u" },
  params: { n: "u32" },
  workgroupSize: 1,
  body: wgsl`
    if (i >= params.n) { return; }
    let now = state[0];
    ticket[0] = now;
    state[0] = vec4u(now.xy, now.z + 1u, now.w + select(0u, 1u, now.z == 0xffffffffu));`,
});
