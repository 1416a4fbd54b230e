/**
 * y = x^exponent for one exponent, and its gradient.
 *
 * WGSL's `pow` is undefined below 0 and goes through logarithms, so that 3^2 isn't quite 9. Whole exponents are computed by
 * repeated squaring (2: one multiplication; the error grows with the exponent), one half by `sqrt`; `pow` is left with what
 * is neither. NaN below 0 and infinity at 0 are selected by bit pattern, not hoped for.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";
import { specialBits } from "./unary.ts";

const whole = 0;
const half = 1;
const other = 2;

const powParams = {
  n: "u32",
  factor: "f32",
  kind: "u32",
  exponent: "f32",
  magnitude: "u32",
  nan_bits: "u32",
  infinity_bits: "u32",
} as const;

const power = wgsl`
  fn is_nan(x: scalar) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > params.infinity_bits; }

  fn whole_power(x: scalar) -> scalar {
    var result = scalar(1);
    var square = x;
    for (var bits = params.magnitude; bits != 0u; bits >>= 1u) {
      if ((bits & 1u) == 1u) { result *= square; }
      if (bits > 1u) { square *= square; }
    }
    if (params.exponent >= 0) { return result; }
    let infinity = bitcast<scalar>(params.infinity_bits | (bitcast<u32>(result) & 0x80000000u));
    return select(1 / result, infinity, result == 0);
  }

  fn power(x: scalar) -> scalar {
    if (params.kind == ${whole}u) { return whole_power(x); }
    if (is_nan(x)) { return x; }
    let infinity = bitcast<scalar>(params.infinity_bits);
    if (abs(x) == infinity) { return select(infinity, 0, params.exponent < 0); }
    if (x < 0) { return bitcast<scalar>(params.nan_bits); }
    if (x == 0) { return select(0, infinity, params.exponent < 0); }
    if (params.kind == ${half}u) { return sqrt(x); }
    return pow(x, params.exponent);
  }

  fn powers(x: quad) -> quad { return quad(power(x.x), power(x.y), power(x.z), power(x.w)); }`;

/** y = x^exponent. */
export const powForward = kernel("pow_forward", {
  read: { x: "quad" },
  write: { y: "quad" },
  params: powParams,
  declarations: power,
  elementwise: true,
  body: wgsl`
    y[i] = params.factor * powers(x[i]);`,
});

/** dx = dy factor x^exponent; the launcher passes the exponent and one less. */
export const powBackward = kernel("pow_backward", {
  read: { x: "quad", dy: "quad" },
  write: { dx: "quad" },
  params: powParams,
  declarations: power,
  elementwise: true,
  body: wgsl`
    dx[i] = dy[i] * params.factor * powers(x[i]);`,
});

/** Whole exponents above are refused: their bits wouldn't fit. */
export const largestExponent = 2 ** 31;

function paramsOf(exponent: number, factor: number) {
  const kind = Number.isInteger(exponent) ? whole : exponent === 0.5 ? half : other;
  const magnitude = kind === whole ? Math.abs(exponent) : 0;
  return { factor, kind, exponent, magnitude, ...specialBits };
}

/** Launches y = x^exponent on `n` vec4s. */
export function launchPow(
  device: Device,
  { x, y, n, exponent }: { x: BufferView; y: BufferView; n: number; exponent: number },
): void {
  powForward(device, { x, y, n, ...paramsOf(exponent, 1) });
}

/** Launches dx = dy exponent x^(exponent - 1); 0 for the exponent 0. */
export function launchPowGradient(
  device: Device,
  { x, dy, dx, n, exponent }: { x: BufferView; dy: BufferView; dx: BufferView; n: number; exponent: number },
): void {
  powBackward(device, { x, dy, dx, n, ...paramsOf(exponent === 0 ? 0 : exponent - 1, exponent) });
}
