/**
 * Direct convolution, plain configuration: right for any extents on any adapter, and the only one with dilation, groups and strides that differ.
 *
 * Forward and input gradient: a thread per element. Filter gradient: a thread per filter element and chunk of output pixels, then
 * a sum over the chunks in fixed order, so that a large batch neither makes a chain of millions of additions nor a long dispatch.
 */
import type { Device } from "../../gpu/device.ts";
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { inParts } from "../channel-sum.ts";
import type { ForwardArguments, InputGradArguments, WeightGradArguments } from "./conv2d.ts";
import { type AnyConv2dShape, generalShape, outputExtents, sizesOf } from "./shape.ts";

/** `depth` and `fan`: input and output channels of a group. */
const generalParams = {
  h: "i32",
  w: "i32",
  ho: "i32",
  wo: "i32",
  ci: "i32",
  co: "i32",
  kh: "i32",
  kw: "i32",
  depth: "i32",
  fan: "i32",
  strideH: "i32",
  strideW: "i32",
  dilationH: "i32",
  dilationW: "i32",
  paddingH: "i32",
  paddingW: "i32",
} as const;

function generalArguments(shape: AnyConv2dShape) {
  const general = generalShape(shape);
  const { ci, co, groups } = general;
  return { ...general, ...outputExtents(shape), depth: ci / groups, fan: co / groups };
}

export const conv2dForwardPlain = kernel("conv2d_forward_plain", {
  read: { x: "scalar", weight: "scalar" },
  write: { y: "scalar" },
  params: { count: "u32", ...generalParams },
  // The first tap that reads at or behind the pixel that is `distance` away.
  declarations: wgsl`
    fn tap_from(distance: i32, dilation: i32) -> i32 { return (max(0, distance) + dilation - 1) / dilation; }`,
  threads: ({ count }) => count,
  body: wgsl`
    if (i >= params.count) { return; }
    let pixel = i32(i) / params.co;
    let co = i32(i) % params.co;
    let left = (pixel % params.wo) * params.strideW - params.paddingW;
    let top = ((pixel / params.wo) % params.ho) * params.strideH - params.paddingH;
    let image = pixel / (params.wo * params.ho);
    var sum = 0f;
    let firstCi = co / params.fan * params.depth;
    let first = vec2i(tap_from(-top, params.dilationH), tap_from(-left, params.dilationW));
    let end = vec2i(tap_from(params.h - top, params.dilationH), tap_from(params.w - left, params.dilationW));
    for (var ky = first.x; ky < min(params.kh, end.x); ky++) {
      for (var kx = first.y; kx < min(params.kw, end.y); kx++) {
        let row = image * params.h + top + ky * params.dilationH;
        let base = (row * params.w + left + kx * params.dilationW) * params.ci + firstCi;
        let tap = ((co * params.kh + ky) * params.kw + kx) * params.depth;
        for (var ci = 0; ci < params.depth; ci++) { sum += x[base + ci] * weight[tap + ci]; }
      }
    }
    y[i] = sum;`,
});

/** Of a window that starts `start` pixels into the padded image its number, -1 if there is none. */
const windowAt = wgsl`
    fn window_at(start: i32, stride: i32, count: i32) -> i32 {
      let window = start / stride;
      return select(-1, window, start >= 0 && start % stride == 0 && window < count);
    }`;

/** dx[iy, ix] gathers dy[oy, ox] over the taps with oy stride - padding + ky dilation = iy, likewise for x. */
export const conv2dInputGradPlain = kernel("conv2d_input_grad_plain", {
  read: { dy: "scalar", weight: "scalar" },
  write: { dx: "scalar" },
  params: { count: "u32", ...generalParams },
  declarations: windowAt,
  threads: ({ count }) => count,
  body: wgsl`
    if (i >= params.count) { return; }
    let pixel = i32(i) / params.ci;
    let ci = i32(i) % params.ci;
    let right = (pixel % params.w) + params.paddingW;
    let bottom = ((pixel / params.w) % params.h) + params.paddingH;
    let image = pixel / (params.w * params.h);
    let tapStep = params.kh * params.kw * params.depth;
    let firstCo = ci / params.depth * params.fan;
    var sum = 0f;
    for (var ky = 0; ky < params.kh; ky++) {
      let oy = window_at(bottom - ky * params.dilationH, params.strideH, params.ho);
      if (oy < 0) { continue; }
      for (var kx = 0; kx < params.kw; kx++) {
        let ox = window_at(right - kx * params.dilationW, params.strideW, params.wo);
        if (ox < 0) { continue; }
        let base = ((image * params.ho + oy) * params.wo + ox) * params.co + firstCo;
        var tap = firstCo * tapStep + (ky * params.kw + kx) * params.depth + ci % params.depth;
        for (var co = 0; co < params.fan; co++) {
          sum += dy[base + co] * weight[tap];
          tap += tapStep;
        }
      }
    }
    dx[i] = sum;`,
});

/** parts[chunk, filter element] = sum over the chunk's output pixels of dy * x. */
export const conv2dWeightGradPlain = kernel("conv2d_weight_grad_plain", {
  read: { x: "scalar", dy: "scalar" },
  write: { parts: "scalar" },
  params: { count: "u32", weights: "u32", pixels: "i32", chunk: "i32", ...generalParams },
  threads: ({ count }) => count,
  body: wgsl`
    if (i >= params.count) { return; }
    let element = i32(i % params.weights);
    let depth = params.depth;
    let co = element / (depth * params.kw * params.kh);
    let ci = element % depth + co / params.fan * depth;
    let kx = (element / depth) % params.kw * params.dilationW;
    let ky = (element / (depth * params.kw)) % params.kh * params.dilationH;
    let first = i32(i / params.weights) * params.chunk;
    let end = min(first + params.chunk, params.pixels);
    var ox = first % params.wo;
    var oy = (first / params.wo) % params.ho;
    var image = first / (params.wo * params.ho);
    var sum = 0f;
    for (var pixel = first; pixel < end; pixel++) {
      let ix = ox * params.strideW - params.paddingW + kx;
      let iy = oy * params.strideH - params.paddingH + ky;
      if (ix >= 0 && ix < params.w && iy >= 0 && iy < params.h) {
        sum += dy[pixel * params.co + co] * x[((image * params.h + iy) * params.w + ix) * params.ci + ci];
      }
      ox += 1;
      if (ox == params.wo) { ox = 0; oy += 1; }
      if (oy == params.ho) { oy = 0; image += 1; }
    }
    parts[i] = sum;`,
});

type Any = AnyConv2dShape;

export function launchForwardPlain(device: Device, { shape, x, weight, y }: ForwardArguments<Any>): void {
  conv2dForwardPlain(device, {
    x,
    weight,
    y,
    count: sizesOf(shape).y,
    ...generalArguments(shape),
  });
}

export function launchInputGradPlain(
  device: Device,
  { shape, dy, weight, dx }: InputGradArguments<Any>,
): void {
  conv2dInputGradPlain(device, {
    dy,
    weight,
    dx,
    count: sizesOf(shape).x,
    ...generalArguments(shape),
  });
}

const smallestChunk = 1024;

export function launchWeightGradPlain(
  device: Device,
  { shape, x, dy, dweight }: WeightGradArguments<Any>,
): void {
  const { ho, wo } = outputExtents(shape);
  const { weight: weights } = sizesOf(shape);
  const pixels = shape.n * ho * wo;
  const mostChunks = Math.max(1, Math.floor(device.limits.maxStorageBufferBindingSize / (4 * weights)));
  const wanted = Math.max(smallestChunk, Math.ceil(Math.sqrt(pixels)), Math.ceil(pixels / mostChunks));
  const chunks = Math.ceil(pixels / wanted);
  const chunk = Math.ceil(pixels / chunks);
  inParts(device, dweight, weights, chunks, (parts) =>
    conv2dWeightGradPlain(device, {
      ...{ x, dy, parts, count: chunks * weights, weights, pixels, chunk },
      ...generalArguments(shape),
    }),
  );
}
