/**
 * y = x Φ(x), Φ the normal distribution's, and its gradient, without erf, which WGSL lacks, and without cancellation:
 *
 *     y = max(x, 0) - t Q(t),   t = |x|,   Q(t) = Φ(-t) = e^(-t²/2) M(t)
 *     dy/dx = w where x <= 0, 1 - w above,   w = Q(t) - t φ(t) = e^(-t²/2) (M(t) - t / √(2π))
 *
 * M (half of erfcx(t / √2)) is a polynomial of degree 9 in 1 / (1 + 0.26 t), fitted to a relative error of 2e-8. Errors against float64 on
 * lavapipe, whose exp is off by 4e-7 relatively: of y at most 6e-7 of itself above 0, 1e-6 for x > -4, 2.1e-6 for x > -6, 8e-6 for
 * x > -12.5, where y is cut to 0 (it's -5e-35 there); absolutely 1e-7 beside y's own last place. Of dy/dx 3e-7 absolutely.
 *
 * CPU ms over 7.2 M floats on lavapipe, best of two runs on a busy machine: this 11.5; erf as a clamped rational function, 7 + 5 coefficients
 * (absolute errors only) 12.9; a polynomial of degree 17, without exp and division, 18.2; ReLU 4.8.
 */
import { kernel, wgsl } from "../gpu/kernel.ts";
import { positivePartWgsl } from "./positive-part.ts";

/**
 * `gelu` and its derivative `gelu_slope`, of a `cell`. `normal_tail` is e^(-t²/2) times a
 * factor, 0 where that's below all that counts (and where t is infinite).
 */
export const geluWgsl = (cell: "quad" | "scalar") => wgsl`
    alias cell = ${cell};${positivePartWgsl(cell)}
    fn mills(t: cell) -> cell {
      let s = 1 / (0.26 * t + 1);
      return s * (0.103765674 + s * (0.10290825 + s * (0.10378028 + s * (0.04817035 + s * (0.16751882
        + s * (-0.16030629 + s * (0.25956532 + s * (-0.15669626 + s * 0.031293854))))))));
    }
    fn normal_tail(t: cell, factor: cell) -> cell {
      return select(exp(-0.5 * t * t) * factor, cell(0), t > cell(12.5));
    }
    fn gelu(x: cell) -> cell {
      let t = abs(x);
      return positive_part(x) - normal_tail(t, t * mills(t));
    }
    fn gelu_slope(x: cell) -> cell {
      let t = abs(x);
      let slope = normal_tail(t, mills(t) - 0.3989422804 * t);
      return select(slope, 1 - slope, x > cell(0));
    }`;

const declarations = geluWgsl("quad");

/** y = x Φ(x). -0 stays -0; -Infinity gives 0, its limit. */
export const geluForward = kernel("gelu_forward", {
  read: { x: "quad" },
  write: { y: "quad" },
  params: { n: "u32" },
  declarations,
  elementwise: true,
  body: wgsl`
    y[i] = gelu(x[i]);`,
});

/** dx = dy (Φ(x) + x φ(x)); the slope is 1 at Infinity and 0 at -Infinity, its limits. */
export const geluBackward = kernel("gelu_backward", {
  read: { x: "quad", dy: "quad" },
  write: { dx: "quad" },
  params: { n: "u32" },
  declarations,
  elementwise: true,
  body: wgsl`
    dx[i] = dy[i] * gelu_slope(x[i]);`,
});
