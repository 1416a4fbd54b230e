/** SGD with momentum in float64, written as the two frameworks state their rules. */

export interface SgdSettings {
  readonly rule: "pytorch" | "chainer";
  readonly lr: number;
  readonly momentum: number;
  readonly weightDecay: number;
}

export function sgdStepReference(
  parameter: ArrayLike<number>,
  gradient: ArrayLike<number>,
  velocity: ArrayLike<number>,
  { rule, lr, momentum, weightDecay }: SgdSettings,
): { parameter: Float64Array; velocity: Float64Array } {
  const decayed = Float64Array.from(gradient, (g, k) => g + weightDecay * (parameter[k] ?? 0));
  const next = decayed.map((g, k) => momentum * (velocity[k] ?? 0) + (rule === "pytorch" ? g : -lr * g));
  const step = rule === "pytorch" ? next.map((v) => -lr * v) : next;
  return { parameter: step.map((change, k) => (parameter[k] ?? 0) + change), velocity: next };
}
