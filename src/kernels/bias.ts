/** y[row, channel] += bias[channel], in place. Its gradient with respect to the bias is `channelSum`. */
import { kernel, wgsl } from "../gpu/kernel.ts";

export const biasAdd = kernel("bias_add", {
  read: { bias: "scalar" },
  update: { y: "scalar" },
  params: { n: "u32", channels: "u32" },
  elementwise: true,
  body: wgsl`
    y[i] += bias[i % params.channels];`,
});
