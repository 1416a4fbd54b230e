/** Losses of two tensors of one shape. Cross-entropy of classes stands in a file of its own. */
import {
  binaryCrossEntropyBackward,
  binaryCrossEntropyForward,
  binaryCrossEntropyTargetGrad,
} from "../../kernels/binary-cross-entropy.ts";
import { formatShape, sameShape } from "../shape.ts";
import { record } from "../tape.ts";
import { emptyLike, quads, type Tensor } from "../tensor.ts";
import { mul, sub } from "./arithmetic.ts";
import { requireFloat } from "./check.ts";
import { mean } from "./reduce.ts";

/**
 * Mean squared error, `mean((x - y)^2)` over all elements.
 *
 * Gradients: `dx = 2 (x - y) / count`, `dy = -dx`.
 * @param x any shape, f32
 * @param y the same shape
 * @returns a scalar, `[]`
 * @throws Error if the shapes differ
 */
export function meanSquaredError(x: Tensor, y: Tensor): Tensor {
  checkPair("meanSquaredError", { x, y });
  const difference = sub(x, y);
  return mean(mul(difference, difference));
}

/**
 * Binary cross-entropy, `mean(-t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)))` over all elements, right for logits of any size, as PyTorch's
 * `binary_cross_entropy_with_logits`.
 *
 * Gradients: `dx = (sigmoid(x) - t) / count`, `dt = -x / count`.
 * @param logits x, any shape, f32
 * @param targets t, the same shape: probabilities, 0 to 1
 * @returns a scalar, `[]`
 * @throws Error if the shapes differ
 */
export function binaryCrossEntropyWithLogits(logits: Tensor, targets: Tensor): Tensor {
  const op = "binaryCrossEntropyWithLogits";
  checkPair(op, { logits, targets });
  const { device } = logits;
  const losses = emptyLike(logits);
  const given = { x: logits, targets, n: quads(logits) };
  binaryCrossEntropyForward(device, { ...given, losses });
  return mean(
    record(op, losses, [logits, targets], {
      saves: [logits, targets],
      backward: (dlosses, gradients) => {
        gradients.into(logits, (dx) => binaryCrossEntropyBackward(device, { ...given, dlosses, dx }));
        gradients.into(targets, (dtargets) =>
          binaryCrossEntropyTargetGrad(device, { ...given, dlosses, dtargets }),
        );
      },
    }),
  );
}

function checkPair(op: string, pair: Readonly<Record<string, Tensor>>): void {
  for (const [name, tensor] of Object.entries(pair)) requireFloat(op, name, tensor);
  const [a, b] = Object.values(pair).map(({ shape }) => shape);
  if (a && b && sameShape(a, b)) return;
  throw new Error(
    `[${op}] ${Object.entries(pair)
      .map(([name, { shape }]) => `'${name}' ${formatShape(shape)}`)
      .join(" and ")} must have one shape; reshape one of them`,
  );
}
