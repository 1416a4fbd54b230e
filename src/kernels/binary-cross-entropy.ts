/**
 * Binary cross-entropy of logits, element by element: -t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)), and its gradients. Bound by memory.
 *
 * As (max(x, 0) - x t) + log(1 + e^-|x|) it overflows nowhere, and a small loss keeps its digits. WGSL has no log1p: log(1 + e) is 2 atanh(s) with
 * s = e / (2 + e) in 0 to 1/3, whose series after seven terms is right to 2^-26.
 */
import { kernel, wgsl } from "../gpu/kernel.ts";
import { areNanWgsl } from "./nan.ts";

export const binaryCrossEntropyForward = kernel("binary_cross_entropy_forward", {
  read: { x: "quad", targets: "quad" },
  write: { losses: "quad" },
  params: { n: "u32" },
  elementwise: true,
  body: wgsl`
    let value = x[i];
    let power = exp(-abs(value));
    let s = power / (2f + power);
    let q = s * s;
    let series = 1f + q * (1f / 3f + q * (1f / 5f + q * (1f / 7f + q * (1f / 9f + q * (1f / 11f + q / 13f)))));
    losses[i] = (max(value, quad(0)) - value * targets[i]) + 2f * s * series;`,
});

/** dx = (sigmoid(x) - t) dlosses. */
export const binaryCrossEntropyBackward = kernel("binary_cross_entropy_backward", {
  read: { x: "quad", targets: "quad", dlosses: "quad" },
  write: { dx: "quad" },
  params: { n: "u32" },
  declarations: areNanWgsl,
  elementwise: true,
  body: wgsl`
    let value = x[i];
    let power = exp(-abs(value));
    let sigmoid = select(power, quad(1), value >= quad(0)) / (1f + power);
    dx[i] = (select(sigmoid, value, are_nan(value)) - targets[i]) * dlosses[i];`,
});

/** dt = -x dlosses. */
export const binaryCrossEntropyTargetGrad = kernel("binary_cross_entropy_target_grad", {
  read: { x: "quad", dlosses: "quad" },
  write: { dtargets: "quad" },
  params: { n: "u32" },
  elementwise: true,
  body: wgsl`
    dtargets[i] = -x[i] * dlosses[i];`,
});
