import { geluBackward, geluForward } from "../../kernels/gelu.ts";
import { record } from "../tape.ts";
import { emptyLike, quads, type Tensor } from "../tensor.ts";
import { requireFloat } from "./check.ts";

/**
 * Gaussian error linear unit, the exact one: `y = x Φ(x)` with `Φ(x) = (1 + erf(x / √2)) / 2`.
 *
 * Gradient: `dx = dy (Φ(x) + x φ(x))` with `φ(x) = e^(-x²/2) / √(2π)`. NaN stays NaN. At -Infinity both take their limit, 0, where
 * PyTorch's formulas give NaN.
 * Source: Hendrycks, Gimpel, "Gaussian error linear units", 2016.
 * @param x any shape
 * @returns the same shape
 * @throws Error if x isn't f32
 */
export function gelu(x: Tensor): Tensor {
  requireFloat("gelu", "x", x);
  const y = emptyLike(x);
  const n = quads(x);
  geluForward(x.device, { x, y, n });
  return record("gelu", y, [x], {
    saves: [x],
    backward: (dy, gradients) => gradients.into(x, (dx) => geluBackward(x.device, { x, dy, dx, n })),
  });
}
