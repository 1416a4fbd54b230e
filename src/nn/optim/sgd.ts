import { sgdNesterovStep, sgdStep } from "../../kernels/sgd.ts";
import { ArenaOptimizer, type Rule, type RuleSettings } from "./arena-optimizer.ts";
import { requireNotNegative } from "./checks.ts";
import type { Parameters } from "./groups.ts";
import type { Range } from "./ranges.ts";

/** When the learning rate enters: as it's applied, or as the velocity takes the gradient up. See `sgd`. */
export type SgdRule = "pytorch" | "chainer";

/** What `sgd` takes. */
export interface SgdOptions {
  /** Learning rate, 0 or more. */
  readonly lr: number;
  /** 0 <= momentum < 1; 0 by default. */
  readonly momentum?: number;
  /** Steps along the gradient as the velocity will be one step on. With momentum and PyTorch's rule only; false by default. */
  readonly nesterov?: boolean;
  /** 0 or more; 0 by default. */
  readonly weightDecay?: number;
  /** When the learning rate enters, "pytorch" by default. */
  readonly rule?: SgdRule;
}

/**
 * Stochastic gradient descent with momentum and weight decay, all parameters of a group in one dispatch.
 *
 * With `g' = g + weightDecay p` and v = 0 at first:
 *
 * - "pytorch": `v = momentum v + g'`, `p = p - lr v`; with `nesterov`: `p = p - lr (g' + momentum v)`
 * - "chainer": `v = momentum v - lr g'`, `p = p + v`
 *
 * Of a group, lr is `lr * lrScale`, and weightDecay its own if it has one.
 *
 * The two take the same path until `lr` changes: then Chainer's velocity still holds the old rate.
 * The parameters move into one arena; tensors and views stay valid. Each is updated once, however often it's listed; frozen
 * ones and those without a new gradient are left alone, with their velocity.
 * Source: `torch.optim.SGD`; Chainer's `MomentumSGD` with `WeightDecay`.
 * @param parameters tensors, or groups of them
 * @throws Error for settings out of range, for anything but f32 leaves of one GPU, and for a tensor in two groups
 */
export function sgd(parameters: Parameters, options: SgdOptions): Sgd {
  return new Sgd(parameters, options);
}

type Settings = RuleSettings & Readonly<Required<SgdOptions>>;

const rule: Rule<Settings, "velocity"> = {
  op: "sgd",
  memory: { velocity: "velocity" },
  check,
  coefficients: (settings, { lrScale, weightDecay }) => {
    const lr = settings.lr * lrScale;
    return [settings.momentum, weightDecay, ...(settings.rule === "pytorch" ? [1, -lr] : [-lr, 1])];
  },
};

/** See `sgd`. */
export class Sgd extends ArenaOptimizer<Settings, "velocity"> {
  /** See `sgd`. */
  constructor(parameters: Parameters, options: SgdOptions) {
    const { lr, momentum = 0, nesterov = false, weightDecay = 0, rule: name = "pytorch" } = options;
    super(rule, parameters, { rule: name, lr, momentum, nesterov, weightDecay });
  }

  get momentum(): number {
    return this.settings.momentum;
  }
  get nesterov(): boolean {
    return this.settings.nesterov;
  }
  get rule(): SgdRule {
    return this.settings.rule;
  }

  protected update(ranges: readonly Range<"parameter" | "gradient" | "velocity">[]): void {
    const { coefficients, nesterov } = this;
    const launch = nesterov ? sgdNesterovStep : sgdStep;
    for (const { views, n, group } of ranges)
      launch(coefficients.device, { ...views, coefficients, n, group });
  }
}

function check({ rule, lr, momentum, nesterov, weightDecay }: Settings): void {
  if (rule !== "pytorch" && rule !== "chainer")
    throw new Error(`[sgd] 'rule' must be "pytorch" or "chainer", but got ${JSON.stringify(rule)}`);
  requireNotNegative("sgd", { lr, weightDecay });
  if (!(momentum >= 0 && momentum < 1))
    throw new Error(`[sgd] 'momentum' must be at least 0 and below 1, but got ${momentum}`);
  if (nesterov && rule === "chainer")
    throw new Error(`[sgd] 'nesterov' goes with rule "pytorch" only; leave 'rule' out, or nesterov`);
  if (nesterov && momentum === 0)
    throw new Error("[sgd] 'nesterov' needs a momentum above 0, but got 0; set it, or leave nesterov out");
}
