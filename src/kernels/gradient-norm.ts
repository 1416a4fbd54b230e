/**
 * Clipping of gradients by their norm, without a look at it by the host.
 *
 * Each gradient leaves sums of squares, one a lane, of about 1,024 elements: padding between gradients in their arena may hold anything, so
 * each has a launch of its own. One workgroup adds the sums up and computes the factor, another launch multiplies. The order is fixed.
 */
import { kernel, wgsl } from "../gpu/kernel.ts";
import { isNanWgsl } from "./nan.ts";

/** The sums that a gradient of `size` elements leaves. */
export function squareSumCount(size: number): number {
  return Math.min(4096, Math.ceil(size / 1024));
}

/** Sums of squares of x's `size` elements, into `sums` from `first` on. */
export const squareSums = kernel("square_sums", {
  read: { x: "quad" },
  write: { sums: "scalar" },
  params: { n: "u32", size: "u32", first: "u32" },
  body: wgsl`
    if (i >= params.n) { return; }
    let whole = params.size / 4u;
    var sum = scalar(0);
    for (var q = i; q < whole; q += params.n) { sum += dot(x[q], x[q]); }
    if (i == 0u) {
      for (var k = 0u; k < params.size % 4u; k++) { sum += x[whole][k] * x[whole][k]; }
    }
    sums[params.first + i] = sum;`,
});

/** The norm, `sqrt` of the sum of all, and the factor `min(1, most / (norm + 1e-6))`: NaN where the norm is, of which `min` might make 1. */
export const clipFactor = kernel("clip_factor", {
  read: { sums: "scalar" },
  write: { norm: "scalar", factor: "scalar" },
  params: { count: "u32", most: "f32" },
  workgroupSize: 256,
  groups: () => 1,
  declarations: wgsl`${isNanWgsl}
    var<workgroup> parts: array<f32, 256>;`,
  body: wgsl`
    var sum = scalar(0);
    for (var k = lane; k < params.count; k += 256u) { sum += sums[k]; }
    parts[lane] = sum;
    for (var half = 128u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (lane < half) { parts[lane] += parts[lane + half]; }
    }
    if (lane == 0u) {
      let length = sqrt(parts[0]);
      norm[0] = length;
      factor[0] = select(min(scalar(1), params.most / (length + 1e-6)), length, is_nan(length));
    }`,
});

/** `x = factor x`. */
export const scaleInPlace = kernel("scale_in_place", {
  read: { factor: "scalar" },
  update: { x: "quad" },
  params: { n: "u32" },
  elementwise: true,
  body: wgsl`x[i] *= factor[0];`,
});
