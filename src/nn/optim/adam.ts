import { adamCorrect, adamStep } from "../../kernels/adam.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { StateDict } from "../state.ts";
import { ArenaOptimizer, type Rule, type RuleSettings } from "./arena-optimizer.ts";
import { requireNotNegative } from "./checks.ts";
import type { Parameters } from "./groups.ts";
import type { Range } from "./ranges.ts";

/** What `adam` and `adamw` take. */
export interface AdamOptions {
  /** Learning rate, 0 or more; 0.001 by default. */
  readonly lr?: number;
  /** How much of the moments stays, each at least 0 and below 1; `[0.9, 0.999]` by default. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the second moment; 1e-8 by default. */
  readonly epsilon?: number;
  /** 0 or more; 0 by default, with AdamW 0.01. */
  readonly weightDecay?: number;
}

/**
 * Adam, all parameters of a group in one dispatch. With `g' = g + weightDecay p`, m = v = 0 at first, and t steps done:
 *
 *     m = beta1 m + (1 - beta1) g',  v = beta2 v + (1 - beta2) g'^2
 *     p = p - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)
 *
 * Parameters, groups, frozen ones: as `sgd`. t counts the optimiser's steps, as optax does; PyTorch counts those of each parameter, which
 * differs for one that gets its first gradient late.
 * Source: Kingma and Ba, "Adam", 2015; `torch.optim.Adam`.
 * @param parameters tensors, or groups of them
 * @throws Error for settings out of range, for anything but f32 leaves of one GPU, and for a tensor in two groups
 */
export function adam(parameters: Parameters, options: AdamOptions = {}): Adam {
  return new Adam("adam", parameters, options);
}

/**
 * Adam with decoupled weight decay: `p = p - lr weightDecay p` beside the step, and `g' = g`. All else as `adam`.
 * Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019; `torch.optim.AdamW`.
 */
export function adamw(parameters: Parameters, options: AdamOptions = {}): Adam {
  return new Adam("adamw", parameters, { ...options, weightDecay: options.weightDecay ?? 0.01 });
}

type AdamRule = "adam" | "adamw";
type Moments = "firstMoment" | "secondMoment";

interface Settings extends RuleSettings {
  readonly rule: AdamRule;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** See `adam` and `adamw`. */
export class Adam extends ArenaOptimizer<Settings, Moments> {
  /** `[1 - beta1^t, 1 - beta2^t]`, counted on by the GPU. */
  readonly #corrections: Tensor;

  /** See `adam` and `adamw`. */
  constructor(rule: AdamRule, parameters: Parameters, options: AdamOptions) {
    const { lr = 1e-3, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0 } = options;
    const [beta1, beta2] = betas;
    super(ruleOf(rule), parameters, { rule, lr, beta1, beta2, epsilon, weightDecay });
    this.#corrections = this.coefficients.gpu.tensor([0, 0], [2], { name: "corrections" }).keep();
  }

  protected override get extraState(): StateDict {
    return { corrections: this.#corrections };
  }

  protected update(ranges: readonly Range<"parameter" | "gradient" | Moments>[]): void {
    const { coefficients } = this;
    const corrections = this.#corrections;
    const { device } = coefficients;
    adamCorrect(device, { coefficients, corrections, n: 1 });
    for (const { views, n, group } of ranges)
      adamStep(device, { ...views, coefficients, corrections, n, group });
  }
}

function ruleOf(op: AdamRule): Rule<Settings, Moments> {
  return {
    op,
    memory: { firstMoment: "firstMoment", secondMoment: "secondMoment" },
    check: ({ lr, epsilon, weightDecay, beta1, beta2 }) => {
      requireNotNegative(op, { lr, epsilon, weightDecay });
      for (const beta of [beta1, beta2]) {
        if (!(beta >= 0 && beta < 1))
          throw new Error(`[${op}] 'betas' must be at least 0 and below 1, but got ${beta}`);
      }
    },
    coefficients: ({ beta1, beta2, epsilon, ...settings }, { lrScale, weightDecay }) => {
      const lr = settings.lr * lrScale;
      const decay = op === "adam" ? [weightDecay, 0] : [0, lr * weightDecay];
      return [beta1, beta2, 1 - beta1, 1 - beta2, lr, epsilon, ...decay];
    },
  };
}
