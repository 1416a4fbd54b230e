import { type AdamSettings, adamStepReference } from "./adam.reference.ts";
import { adamCorrect, adamStep } from "./adam.ts";
import { type KernelCase, noise, values, view } from "./cases.ts";

const vggParameters = 15_033_280;
const counts = [1, 3, 4, 5, 257, 4099, vggParameters];
const betas = { beta1: 0.9, beta2: 0.999 };
const t = 3;

/** Of two parameter groups, of which the second is used. */
function coefficients({ rule, lr, beta1, beta2, epsilon, weightDecay }: AdamSettings) {
  const decay = rule === "adam" ? [weightDecay, 0] : [0, lr * weightDecay];
  const second = [beta1, beta2, 1 - beta1, 1 - beta2, lr, epsilon, ...decay];
  return Float32Array.of(...new Array<number>(8).fill(0), ...second);
}

const steps: KernelCase[] = counts.flatMap((count) =>
  (["adam", "adamw"] as const).map((rule) => {
    const settings: AdamSettings = { rule, lr: 0.1, ...betas, epsilon: 1e-8, weightDecay: 0.1 };
    return {
      name: `adam_step ${rule} [${count}]`,
      covers: [adamStep],
      inputs: () => ({
        parameter: noise(count, 1),
        gradient: noise(count, 2),
        firstMoment: noise(count, 3).map((m) => 0.1 * m),
        secondMoment: noise(count, 4).map((v) => 0.001 + 0.001 * v * v),
        coefficients: coefficients(settings),
        corrections: Float32Array.of(1 - betas.beta1 ** t, 1 - betas.beta2 ** t),
      }),
      outputs: { parameter: count, firstMoment: count, secondMoment: count },
      launch: (device, views) =>
        adamStep(device, {
          parameter: view(views, "parameter"),
          gradient: view(views, "gradient"),
          firstMoment: view(views, "firstMoment"),
          secondMoment: view(views, "secondMoment"),
          coefficients: view(views, "coefficients"),
          corrections: view(views, "corrections"),
          n: Math.ceil(count / 4),
          group: 1,
        }),
      reference: (inputs) =>
        adamStepReference(
          {
            parameter: values(inputs, "parameter"),
            gradient: values(inputs, "gradient"),
            firstMoment: values(inputs, "firstMoment"),
            secondMoment: values(inputs, "secondMoment"),
          },
          settings,
          t,
        ),
      tolerance: {
        relative: 12 * 2 ** -24,
        why: "ten roundings, of which two divisions and a root of WGSL's 2.5 ulp",
      },
      bench: count === vggParameters && rule === "adamw",
      bytes: 28 * count,
    };
  }),
);

export const adamCases: KernelCase[] = [
  ...steps,
  {
    name: "adam_correct",
    covers: [adamCorrect],
    inputs: () => ({
      coefficients: Float32Array.of(0.9, 0.999, 1 - 0.9, 1 - 0.999),
      corrections: Float32Array.of(0.19, 0.001999),
    }),
    outputs: { corrections: 2 },
    launch: (device, views) =>
      adamCorrect(device, {
        coefficients: view(views, "coefficients"),
        corrections: view(views, "corrections"),
        n: 1,
      }),
    reference: (inputs) => {
      const beta = Array.from(values(inputs, "coefficients"));
      const [first = 0, second = 0] = Array.from(values(inputs, "corrections"));
      const [b1 = 0, b2 = 0, rest1 = 0, rest2 = 0] = beta;
      return { corrections: [b1 * first + rest1, b2 * second + rest2] };
    },
    tolerance: { relative: 2 * 2 ** -24, why: "two roundings" },
  },
];
