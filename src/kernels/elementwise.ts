/** Elementwise kernels that work on whole vec4s: the padding behind a tensor's last element is computed along and never read. */
import { kernel, wgsl } from "../gpu/kernel.ts";

/** sum += x. Reads 2 vec4, writes 1. */
export const accumulate = kernel("accumulate", {
  read: { x: "quad" },
  update: { sum: "quad" },
  params: { n: "u32" },
  elementwise: true,
  body: wgsl`
    sum[i] += x[i];`,
});

/** y = value. */
export const fill = kernel("fill", {
  write: { y: "quad" },
  params: { n: "u32", value: "f32" },
  elementwise: true,
  body: wgsl`
    y[i] = quad(params.value);`,
});
