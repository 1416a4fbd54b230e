import { reluBackward, reluForward } from "../../kernels/relu.ts";
import { record } from "../tape.ts";
import { emptyLike, quads, type Tensor } from "../tensor.ts";
import { requireFloat } from "./check.ts";

/**
 * Rectified linear unit, `y = max(x, 0)`. NaN stays NaN.
 * @param x any shape
 * @returns the same shape
 * @throws Error if x isn't f32
 */
export function relu(x: Tensor): Tensor {
  requireFloat("relu", "x", x);
  const y = emptyLike(x);
  const n = quads(x);
  reluForward(x.device, { x, y, n });
  return record("relu", y, [x], {
    saves: [y],
    backward: (dy, gradients) => gradients.into(x, (dx) => reluBackward(x.device, { y, dy, dx, n })),
  });
}
