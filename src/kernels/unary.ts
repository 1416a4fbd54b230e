/**
 * Elementwise functions of one tensor: a vec4 in, a vec4 out, bound by memory. Gradients that are a product or a quotient
 * of dy and what was saved reuse the binary kernels.
 *
 * WGSL leaves open what functions give outside their domain, so NaN and infinities come in as bit patterns.
 */
import { kernel, wgsl } from "../gpu/kernel.ts";
import { areNanWgsl } from "./nan.ts";

/** Bit patterns that no compiler can fold away: WGSL has no literals for NaN and infinity. */
export const specialBits = { nan_bits: 0x7fc00000, infinity_bits: 0x7f800000 } as const;
const specialParams = { nan_bits: "u32", infinity_bits: "u32" } as const;

/** y = -x. */
export const negForward = kernel("neg_forward", {
  read: { x: "quad" },
  write: { y: "quad" },
  params: { n: "u32" },
  elementwise: true,
  body: wgsl`
    y[i] = -x[i];`,
});

/** y = e^x. */
export const expForward = kernel("exp_forward", {
  read: { x: "quad" },
  write: { y: "quad" },
  params: { n: "u32" },
  declarations: areNanWgsl,
  elementwise: true,
  body: wgsl`
    let value = x[i];
    y[i] = select(exp(value), value, are_nan(value));`,
});

/** y = ln x; -Infinity at 0, NaN below. */
export const logForward = kernel("log_forward", {
  read: { x: "quad" },
  write: { y: "quad" },
  params: { n: "u32", ...specialParams },
  declarations: areNanWgsl,
  elementwise: true,
  body: wgsl`
    let value = x[i];
    let nan = quad(bitcast<f32>(params.nan_bits));
    let infinity = quad(bitcast<f32>(params.infinity_bits));
    let in_domain = select(log(value), -infinity, value == quad(0));
    y[i] = select(select(in_domain, nan, value < quad(0)), value, (value == infinity) | are_nan(value));`,
});

/** y = sqrt x; NaN below 0. */
export const sqrtForward = kernel("sqrt_forward", {
  read: { x: "quad" },
  write: { y: "quad" },
  params: { n: "u32", ...specialParams },
  elementwise: true,
  body: wgsl`
    let value = x[i];
    y[i] = select(sqrt(value), quad(bitcast<f32>(params.nan_bits)), value < quad(0));`,
});

/** dx = dy / (2 y): infinite at 0. */
export const sqrtBackward = kernel("sqrt_backward", {
  read: { y: "quad", dy: "quad" },
  write: { dx: "quad" },
  params: { n: "u32" },
  elementwise: true,
  body: wgsl`
    dx[i] = dy[i] / (2 * y[i]);`,
});
