/**
 * Direct convolution, plain configuration: right for any extents on any adapter.
 *
 * Forward and input gradient: a thread per element. Filter gradient: a thread per filter element and chunk of output pixels, then
 * a sum over the chunks in fixed order, so that a large batch neither makes a chain of millions of additions nor a long dispatch.
 */
import type { Device } from "../../gpu/device.ts";
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { inParts } from "../channel-sum.ts";
import type { ForwardArguments, InputGradArguments, WeightGradArguments } from "./conv2d.ts";
import { outputExtents, sizesOf } from "./shape.ts";

const shapeParams = {
  h: "i32",
  w: "i32",
  ho: "i32",
  wo: "i32",
  ci: "i32",
  co: "i32",
  kh: "i32",
  kw: "i32",
  stride: "i32",
  paddingH: "i32",
  paddingW: "i32",
} as const;

export const conv2dForwardPlain = kernel("conv2d_forward_plain", {
  read: { x: "scalar", weight: "scalar" },
  write: { y: "scalar" },
  params: { count: "u32", ...shapeParams },
  threads: ({ count }) => count,
  body: wgsl`
    if (i >= params.count) { return; }
    let pixel = i32(i) / params.co;
    let co = i32(i) % params.co;
    let left = (pixel % params.wo) * params.stride - params.paddingW;
    let top = ((pixel / params.wo) % params.ho) * params.stride - params.paddingH;
    let image = pixel / (params.wo * params.ho);
    var sum = 0f;
    for (var ky = max(0, -top); ky < min(params.kh, params.h - top); ky++) {
      for (var kx = max(0, -left); kx < min(params.kw, params.w - left); kx++) {
        let base = ((image * params.h + top + ky) * params.w + left + kx) * params.ci;
        let tap = ((co * params.kh + ky) * params.kw + kx) * params.ci;
        for (var ci = 0; ci < params.ci; ci++) { sum += x[base + ci] * weight[tap + ci]; }
      }
    }
    y[i] = sum;`,
});

/** dx[iy, ix] gathers dy[oy, ox] over the taps with oy * stride - padding + ky = iy, likewise for x. */
export const conv2dInputGradPlain = kernel("conv2d_input_grad_plain", {
  read: { dy: "scalar", weight: "scalar" },
  write: { dx: "scalar" },
  params: { count: "u32", ...shapeParams },
  threads: ({ count }) => count,
  body: wgsl`
    if (i >= params.count) { return; }
    let pixel = i32(i) / params.ci;
    let ci = i32(i) % params.ci;
    let right = (pixel % params.w) + params.paddingW;
    let bottom = ((pixel / params.w) % params.h) + params.paddingH;
    let image = pixel / (params.w * params.h);
    let tapStep = params.kh * params.kw * params.ci;
    var sum = 0f;
    for (var ky = bottom % params.stride; ky < min(params.kh, bottom + 1); ky += params.stride) {
      let oy = (bottom - ky) / params.stride;
      if (oy >= params.ho) { continue; }
      for (var kx = right % params.stride; kx < min(params.kw, right + 1); kx += params.stride) {
        let ox = (right - kx) / params.stride;
        if (ox >= params.wo) { continue; }
        let base = ((image * params.ho + oy) * params.wo + ox) * params.co;
        var tap = (ky * params.kw + kx) * params.ci + ci;
        for (var co = 0; co < params.co; co++) {
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
  params: { count: "u32", weights: "u32", pixels: "i32", chunk: "i32", ...shapeParams },
  threads: ({ count }) => count,
  body: wgsl`
    if (i >= params.count) { return; }
    let element = i32(i % params.weights);
    let ci = element % params.ci;
    let kx = (element / params.ci) % params.kw;
    let ky = (element / (params.ci * params.kw)) % params.kh;
    let co = element / (params.ci * params.kw * params.kh);
    let first = i32(i / params.weights) * params.chunk;
    let end = min(first + params.chunk, params.pixels);
    var ox = first % params.wo;
    var oy = (first / params.wo) % params.ho;
    var image = first / (params.wo * params.ho);
    var sum = 0f;
    for (var pixel = first; pixel < end; pixel++) {
      let ix = ox * params.stride - params.paddingW + kx;
      let iy = oy * params.stride - params.paddingH + ky;
      if (ix >= 0 && ix < params.w && iy >= 0 && iy < params.h) {
        sum += dy[pixel * params.co + co] * x[((image * params.h + iy) * params.w + ix) * params.ci + ci];
      }
      ox += 1;
      if (ox == params.wo) { ox = 0; oy += 1; }
      if (oy == params.ho) { oy = 0; image += 1; }
    }
    parts[i] = sum;`,
});

export function launchForwardPlain(device: Device, { shape, x, weight, y }: ForwardArguments): void {
  conv2dForwardPlain(device, {
    x,
    weight,
    y,
    count: sizesOf(shape).y,
    ...shape,
    ...outputExtents(shape),
  });
}

export function launchInputGradPlain(device: Device, { shape, dy, weight, dx }: InputGradArguments): void {
  conv2dInputGradPlain(device, {
    dy,
    weight,
    dx,
    count: sizesOf(shape).x,
    ...shape,
    ...outputExtents(shape),
  });
}

const smallestChunk = 1024;

export function launchWeightGradPlain(device: Device, { shape, x, dy, dweight }: WeightGradArguments): void {
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
      ...{ ...shape, ho, wo },
    }),
  );
}
