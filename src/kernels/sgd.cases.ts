import { type KernelCase, noise, values, view } from "./cases.ts";
import { type SgdSettings, sgdStepReference } from "./sgd.reference.ts";
import { sgdNesterovStep, sgdStep } from "./sgd.ts";

const vggParameters = 15_033_280;
const counts = [1, 3, 4, 5, 257, 4099, vggParameters];
const rules = {
  pytorch: { rule: "pytorch" },
  chainer: { rule: "chainer" },
  nesterov: { rule: "pytorch", nesterov: true },
} as const;

/** Of two parameter groups, of which the second is used. */
function coefficients({ rule, lr, momentum, weightDecay }: SgdSettings): Float32Array<ArrayBuffer> {
  const [a, b] = rule === "pytorch" ? [1, -lr] : [-lr, 1];
  return Float32Array.of(0, 0, 0, 0, momentum, weightDecay, a, b);
}

export const sgdCases: KernelCase[] = counts.flatMap((count) =>
  Object.entries(rules).map(([name, rule]) => {
    const settings: SgdSettings = { ...rule, lr: 0.1, momentum: 0.9, weightDecay: 5e-4 };
    const step = settings.nesterov ? sgdNesterovStep : sgdStep;
    return {
      name: `${step.label} ${name} [${count}]`,
      covers: [step],
      inputs: () => ({
        parameter: noise(count, 1),
        gradient: noise(count, 2),
        velocity: noise(count, 3),
        coefficients: coefficients(settings),
      }),
      outputs: { parameter: count, velocity: count },
      launch: (device, views) =>
        step(device, {
          parameter: view(views, "parameter"),
          gradient: view(views, "gradient"),
          velocity: view(views, "velocity"),
          coefficients: view(views, "coefficients"),
          n: Math.ceil(count / 4),
          group: 1,
        }),
      reference: (inputs) =>
        sgdStepReference(
          values(inputs, "parameter"),
          values(inputs, "gradient"),
          values(inputs, "velocity"),
          settings,
        ),
      tolerance: { relative: 4 * 2 ** -24, why: "five roundings, and those of the coefficients" },
      bench: count === vggParameters && name === "pytorch",
      bytes: 20 * count,
    };
  }),
);
