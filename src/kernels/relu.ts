/** y = max(x, 0) and its gradient. Bound by memory: a vec4 in, a vec4 out. NaN stays NaN. */
import { kernel, wgsl } from "../gpu/kernel.ts";
import { positivePartWgsl } from "./positive-part.ts";

export const reluForward = kernel("relu_forward", {
  read: { x: "quad" },
  write: { y: "quad" },
  params: { n: "u32" },
  elementwise: true,
  declarations: positivePartWgsl("quad"),
  body: wgsl`
    y[i] = positive_part(x[i]);`,
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
