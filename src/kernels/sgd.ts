/**
 * SGD with momentum and weight decay over a range of the parameter arena.
 *
 * One kernel for both rules: `v = momentum v + a (g + weightDecay p)`, `p += b v`. PyTorch's has a = 1, b = -lr, Chainer's
 * a = -lr, b = 1; multiplying by 1 is exact. The coefficients `[momentum, weightDecay, a, b]` are data, so that a recorded step
 * follows a change. Bound by memory: 3 vec4 in, 2 out. On lavapipe by the instructions of loads and stores: VGG's 15 M parameters
 * take 17.5 ms on two cores (17 GB/s), and ReLU, all in cache, isn't faster a float.
 */
import { kernel, wgsl } from "../gpu/kernel.ts";

export const sgdStep = kernel("sgd_step", {
  read: { gradient: "quad", coefficients: "vec4f" },
  update: { parameter: "quad", velocity: "quad" },
  params: { n: "u32" },
  elementwise: true,
  setup: "let c = coefficients[0];",
  body: wgsl`
    let before = parameter[i];
    let v = c.x * velocity[i] + c.z * (gradient[i] + c.y * before);
    velocity[i] = v;
    parameter[i] = before + c.w * v;`,
});
