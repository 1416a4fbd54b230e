/** y = max(x, 0) and its gradient. Bound by memory: a vec4 in, a vec4 out. `max(NaN, 0)` may be 0 in WGSL, so it's a select. */
import { kernel, wgsl } from "../gpu/kernel.ts";

export const reluForward = kernel("relu_forward", {
  read: { x: "quad" },
  write: { y: "quad" },
  params: { n: "u32" },
  elementwise: true,
  body: wgsl`
    let value = x[i];
    y[i] = select(value, quad(0), value < quad(0));`,
});

/** dx = dy where y > 0, otherwise 0. From the output alone, so the input needn't be kept. A NaN in y passes dy on. */
export const reluBackward = kernel("relu_backward", {
  read: { y: "quad", dy: "quad" },
  write: { dx: "quad" },
  params: { n: "u32" },
  elementwise: true,
  body: wgsl`
    dx[i] = select(dy[i], quad(0), y[i] <= quad(0));`,
});
