/** y = x, a vec4 an invocation. */
import { kernel, wgsl } from "../../src/gpu/kernel.ts";

export const copyQuads = kernel("copy_quads_for_test", {
  read: { x: "quad" },
  write: { y: "quad" },
  params: { n: "u32" },
  body: wgsl`
    if (i >= params.n) { return; }
    y[i] = x[i];`,
});
