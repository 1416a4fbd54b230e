/** SGD with momentum in float64, written as the frameworks state their rules. */

export interface SgdSettings {
  readonly rule: "pytorch" | "chainer";
  /** Of PyTorch's rule. */
  readonly nesterov?: boolean;
  readonly lr: number;
  readonly momentum: number;
  readonly weightDecay: number;
}

/** Parameter and velocity after a step. */
export function sgdStepReference(
  parameter: ArrayLike<number>,
  gradient: ArrayLike<number>,
  velocity: ArrayLike<number>,
  { rule, nesterov, lr, momentum, weightDecay }: SgdSettings,
): { parameter: Float64Array; velocity: Float64Array } {
  const decayed = Float64Array.from(gradient, (g, k) => g + weightDecay * (parameter[k] ?? 0));
  const next = decayed.map((g, k) => momentum * (velocity[k] ?? 0) + (rule === "pytorch" ? g : -lr * g));
  const direction = nesterov ? next.map((v, k) => (decayed[k] ?? 0) + momentum * v) : next;
  const step = rule === "pytorch" ? direction.map((d) => -lr * d) : next;
  return { parameter: step.map((change, k) => (parameter[k] ?? 0) + change), velocity: next };
}
