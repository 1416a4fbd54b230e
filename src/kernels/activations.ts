/**
 * Pointwise functions and their gradients, as a table: of each the params, y as an expression of `x`, and dx as one of `dy` and of what's
 * saved, `x` or `y`. Bound by memory: vec4s in, vec4s out. GELU is in gelu.ts.
 *
 * Sigmoids are computed from e^-|x|, which can't overflow, and lose nothing where they're small: σ(-t) = q = e^-t / (1 + e^-t),
 * σ(t) = 1 - q, and SiLU is max(x, 0) - t q, as GELU is. Below e^-87 stands 0: no denormal numbers. tanh is Cephes's: an odd polynomial
 * below 0.625, where 1 - e^(-2t) would cancel. WGSL's own tanh does, and may overflow.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, type ParamType, wgsl } from "../gpu/kernel.ts";
import { areNanWgsl } from "./nan.ts";

/** Both directions of one row of the table, with the params P. `n` counts vec4s. */
export interface Activation<P> {
  /** What backward gets as `saved`. */
  readonly saves: "x" | "y";
  forward(device: Device, args: Readonly<Record<"x" | "y", BufferView>> & { readonly n: number } & P): void;
  backward(
    device: Device,
    args: Readonly<Record<"saved" | "dy" | "dx", BufferView>> & { readonly n: number } & P,
  ): void;
}

interface Formulas<P> {
  readonly params: P;
  readonly saves: "x" | "y";
  readonly forward: string;
  readonly backward: string;
  readonly declarations?: string;
}

/** NaN passes whatever the formulas make of it: of x to y, and of what's saved to dx unless `backward` says otherwise. */
const pointwise = <P extends Readonly<Record<string, ParamType>>>(
  name: string,
  { params, saves, forward, backward, declarations = "" }: Formulas<P>,
) => ({
  saves,
  forward: kernel(`${name}_forward`, {
    read: { x: "quad" },
    write: { y: "quad" },
    params: { n: "u32", ...params },
    declarations: wgsl`${areNanWgsl}
    ${declarations}
    fn forward(x: quad) -> quad { return ${forward}; }`,
    elementwise: true,
    body: wgsl`
    let value = x[i];
    y[i] = select(forward(value), value, are_nan(value));`,
  }),
  backward: kernel(`${name}_backward`, {
    read: { saved: "quad", dy: "quad" },
    write: { dx: "quad" },
    params: { n: "u32", ...params },
    declarations: wgsl`
    ${declarations}
    fn backward(${saves}: quad, dy: quad) -> quad { return ${backward}; }`,
    elementwise: true,
    body: wgsl`
    dx[i] = backward(saved[i], dy[i]);`,
  }),
});

/** `tail`: σ(-t) for t >= 0. */
const tail = wgsl`fn tail(t: quad) -> quad {
      let power = select(exp(-t), quad(0), t > quad(87));
      return power / (1 + power);
    }`;

export const activations = {
  /** y = x where x > 0, elsewhere slope x. */
  leakyRelu: pointwise("leaky_relu", {
    params: { slope: "f32" },
    saves: "x",
    forward: "select(x, params.slope * x, x <= quad(0))",
    backward: "select(params.slope * dy, dy, x > quad(0))",
  }),
  /** y = σ(x) = 1 / (1 + e^-x). */
  sigmoid: pointwise("sigmoid", {
    params: {},
    saves: "y",
    declarations: tail,
    forward: "select(tail(-x), 1 - tail(x), x > quad(0))",
    backward: "dy * (y * (1 - y))",
  }),
  /** y = x σ(x); dy/dx = w(-x) for x <= 0 and 1 - w(x) above, with w(t) = q (1 - t (1 - q)). */
  silu: pointwise("silu", {
    params: {},
    saves: "x",
    declarations: wgsl`${tail}
    fn slope(x: quad) -> quad {
      let t = abs(x);
      let q = tail(t);
      let w = select(q * (1 - t * (1 - q)), quad(0), t > quad(87));
      return select(w, 1 - w, x > quad(0));
    }`,
    forward: "max(x, quad(0)) - select(abs(x) * tail(abs(x)), quad(0), abs(x) > quad(87))",
    backward: "dy * slope(x)",
  }),
  /** y = tanh(x). */
  tanh: pointwise("tanh", {
    params: {},
    saves: "y",
    declarations: wgsl`fn near_zero(x: quad) -> quad {
      let u = x * x;
      return x + x * u * (-0.333332819 + u * (0.133314422 + u * (-0.0537397155 + u * (0.0206390887 - u * 0.00570498873))));
    }
    fn far(x: quad) -> quad {
      let power = exp(-2 * min(abs(x), quad(20)));
      let y = (1 - power) / (1 + power);
      return select(y, -y, x < quad(0));
    }`,
    forward: "select(far(x), near_zero(x), abs(x) < quad(0.625))",
    backward: "dy * (1 - y * y)",
  }),
  /** y = x, at least low and at most high. dx = dy where x lies between or on a bound, elsewhere 0. */
  clamp: pointwise("clamp", {
    params: { low: "f32", high: "f32" },
    saves: "x",
    forward: "min(max(x, quad(params.low)), quad(params.high))",
    backward: "select(quad(0), dy, (x >= quad(params.low)) & (x <= quad(params.high)))",
  }),
};
