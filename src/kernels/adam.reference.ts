/** Adam and AdamW in float64, as PyTorch states them. */

export interface AdamSettings {
  readonly rule: "adam" | "adamw";
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** What a step of `adamStepReference` starts from. */
export interface AdamValues {
  readonly parameter: ArrayLike<number>;
  readonly gradient: ArrayLike<number>;
  readonly firstMoment: ArrayLike<number>;
  readonly secondMoment: ArrayLike<number>;
}

/** Parameter and moments after a step. @param t the step's number, from 1 */
export function adamStepReference(
  values: AdamValues,
  { rule, lr, beta1, beta2, epsilon, weightDecay }: AdamSettings,
  t: number,
): Record<"parameter" | "firstMoment" | "secondMoment", Float64Array> {
  const parameter = Float64Array.from(values.parameter);
  const at = (list: ArrayLike<number>, k: number) => list[k] ?? 0;
  const gradient = parameter.map((p, k) => at(values.gradient, k) + (rule === "adam" ? weightDecay * p : 0));
  const firstMoment = gradient.map((g, k) => beta1 * at(values.firstMoment, k) + (1 - beta1) * g);
  const secondMoment = gradient.map((g, k) => beta2 * at(values.secondMoment, k) + (1 - beta2) * g * g);
  const updated = parameter.map((p, k) => {
    const mean = at(firstMoment, k) / (1 - beta1 ** t);
    const deviation = Math.sqrt(at(secondMoment, k) / (1 - beta2 ** t));
    const decayed = rule === "adamw" ? p - lr * weightDecay * p : p;
    return decayed - (lr * mean) / (deviation + epsilon);
  });
  return { parameter: updated, firstMoment, secondMoment };
}
