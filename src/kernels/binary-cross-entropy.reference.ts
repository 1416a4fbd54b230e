/** Binary cross-entropy of logits in float64, element by element, with its gradients for losses with gradient 1. */
export function binaryCrossEntropyReference(x: ArrayLike<number>, targets: ArrayLike<number>) {
  const pairs = Array.from(x, (value, k) => [value, targets[k] ?? 0] as const);
  return {
    losses: Float64Array.from(
      pairs,
      ([value, target]) => Math.max(value, 0) - value * target + Math.log1p(Math.exp(-Math.abs(value))),
    ),
    dx: Float64Array.from(pairs, ([value, target]) => 1 / (1 + Math.exp(-value)) - target),
    dtargets: Float64Array.from(x, (value) => -value),
  };
}
