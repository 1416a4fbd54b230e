/**
 * Adam over a range of the parameter arena, with decay by way of the gradient (Adam) or of the parameter (AdamW).
 *
 * Coefficients are data, two rows a parameter group, `[beta1, beta2, 1 - beta1, 1 - beta2]` and `[lr, epsilon, decay of the gradient, decay of
 * the parameter]`. The bias corrections `[1 - beta1^t, 1 - beta2^t]` are data too, so that a recorded step counts on: they're what the
 * moments of the constant 1 would be, by the same recursion. Computed so they carry the same rounding of the betas as the moments, and it
 * cancels; `1 - pow(beta2, t)` in float32 would be wrong by 3e-5 at the first step. Bound by memory: 4 vec4 in, 3 out.
 */
import { kernel, wgsl } from "../gpu/kernel.ts";

export const adamStep = kernel("adam_step", {
  read: { gradient: "quad", coefficients: "vec4f", corrections: "pair" },
  update: { parameter: "quad", firstMoment: "quad", secondMoment: "quad" },
  params: { n: "u32", group: "u32" },
  elementwise: true,
  setup: wgsl`
    let beta = coefficients[2u * params.group];
    let rate = coefficients[2u * params.group + 1u];
    let correction = corrections[0];`,
  body: wgsl`
    let before = parameter[i];
    let g = gradient[i] + rate.z * before;
    let m = beta.x * firstMoment[i] + beta.z * g;
    let v = beta.y * secondMoment[i] + beta.w * g * g;
    firstMoment[i] = m;
    secondMoment[i] = v;
    let direction = m / correction.x / (sqrt(v / correction.y) + rate.y);
    parameter[i] = before - rate.w * before - rate.x * direction;`,
});

/** The bias corrections of the step that begins. */
export const adamCorrect = kernel("adam_correct", {
  read: { coefficients: "vec4f" },
  update: { corrections: "pair" },
  params: { n: "u32" },
  elementwise: true,
  body: wgsl`
    let beta = coefficients[0];
    corrections[i] = beta.xy * corrections[i] + beta.zw;`,
});
