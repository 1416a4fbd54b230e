import { type KernelCase, noise, values, view } from "./cases.ts";
import { type SgdSettings, sgdStepReference } from "./sgd.reference.ts";
import { sgdStep } from "./sgd.ts";

const vggParameters = 15_033_280;
const counts = [1, 3, 4, 5, 257, 4099, vggParameters];
const settings = { lr: 0.1, momentum: 0.9, weightDecay: 5e-4 };

function coefficients({ rule, lr, momentum, weightDecay }: SgdSettings): Float32Array<ArrayBuffer> {
  const [a, b] = rule === "pytorch" ? [1, -lr] : [-lr, 1];
  return Float32Array.of(momentum, weightDecay, a, b);
}

export const sgdCases: KernelCase[] = counts.flatMap((count) =>
  (["pytorch", "chainer"] as const).map((rule) => ({
    name: `sgd_step ${rule} [${count}]`,
    covers: [sgdStep],
    inputs: () => ({
      parameter: noise(count, 1),
      gradient: noise(count, 2),
      velocity: noise(count, 3),
      coefficients: coefficients({ rule, ...settings }),
    }),
    outputs: { parameter: count, velocity: count },
    launch: (device, views) =>
      sgdStep(device, {
        parameter: view(views, "parameter"),
        gradient: view(views, "gradient"),
        velocity: view(views, "velocity"),
        coefficients: view(views, "coefficients"),
        n: Math.ceil(count / 4),
      }),
    reference: (inputs) =>
      sgdStepReference(values(inputs, "parameter"), values(inputs, "gradient"), values(inputs, "velocity"), {
        rule,
        ...settings,
      }),
    tolerance: { relative: 4 * 2 ** -24, why: "five roundings, and those of the coefficients" },
    bench: count === vggParameters && rule === "pytorch",
    bytes: 20 * count,
  })),
);
