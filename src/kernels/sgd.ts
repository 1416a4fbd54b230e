/**
 * SGD with momentum and weight decay over a range of the parameter arena.
 *
 * One kernel for two rules: `v = momentum v + a (g + weightDecay p)`, `p += b v`. PyTorch's has a = 1, b = -lr, Chainer's
 * a = -lr, b = 1; multiplying by 1 is exact. Nesterov's is PyTorch's with a step of `g + weightDecay p + momentum v` in place of v.
 * The coefficients `[momentum, weightDecay, a, b]`, a row a parameter group, are data, so that a recorded step
 * follows a change. Bound by memory: 3 vec4 in, 2 out. On lavapipe by the instructions of loads and stores: VGG's 15 M parameters
 * take 17.5 ms on two cores (17 GB/s), and ReLU, all in cache, isn't faster a float.
 */
import { kernel, wgsl } from "../gpu/kernel.ts";

export const sgdStep = momentumStep("sgd_step", "v");
export const sgdNesterovStep = momentumStep("sgd_nesterov_step", "decayed + c.x * v");

function momentumStep(label: string, direction: string) {
  return kernel(label, {
    read: { gradient: "quad", coefficients: "vec4f" },
    update: { parameter: "quad", velocity: "quad" },
    params: { n: "u32", group: "u32" },
    elementwise: true,
    setup: "let c = coefficients[params.group];",
    body: wgsl`
    let before = parameter[i];
    let decayed = gradient[i] + c.y * before;
    let v = c.x * velocity[i] + c.z * decayed;
    velocity[i] = v;
    parameter[i] = before + c.w * (${direction});`,
  });
}
