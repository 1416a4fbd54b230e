/**
 * Forward and input gradient as one: a correlation of an image with weights, channels as vec4s. The input gradient is one of dy with the weights turned
 * round. Where the convolution has a stride, its pixels fall into stride x stride classes, each a correlation with every stride-th tap.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { wgsl } from "../../gpu/kernel.ts";
import type { ForwardArguments, InputGradArguments } from "./conv2d.ts";
import { intoQuads, quadsOf, withQuads } from "./quads.ts";
import { type Conv2dShape, outputExtents } from "./shape.ts";

export interface Correlation {
  readonly n: number;
  /** Extents of what is read, and its channels in vec4s. */
  readonly hi: number;
  readonly wi: number;
  readonly depth: number;
  /** Extents of what is written, and its channels, a multiple of 4. */
  readonly ho: number;
  readonly wo: number;
  readonly channels: number;
  readonly kh: number;
  readonly kw: number;
  readonly padY: number;
  readonly padX: number;
  /** Stride of the forward convolution; 1 for the input gradient. */
  readonly inStride: number;
  /** Stride of the convolution whose input gradient this is; 1 for the forward. */
  readonly outStride: number;
}

export const correlationParams = {
  n: "i32",
  hi: "i32",
  wi: "i32",
  depth: "i32",
  ho: "i32",
  wo: "i32",
  channels: "i32",
  kh: "i32",
  kw: "i32",
  padY: "i32",
  padX: "i32",
  inStride: "i32",
  outStride: "i32",
} as const;

/** What a kernel needs that uses `strideClass`. */
export const moduloWgsl = wgsl`fn modulo(a: i32, b: i32) -> i32 { return (a % b + b) % b; }`;

/** Of class `class_`: its rows and columns of pixels, the first tap that meets one of them, and where that tap reads. */
export const strideClass = wgsl`
    let out_stride = params.outStride;
    let class_y = class_ / out_stride;
    let class_x = class_ % out_stride;
    let rows = (params.ho - class_y + out_stride - 1) / out_stride;
    let columns = (params.wo - class_x + out_stride - 1) / out_stride;
    let first_ky = modulo(params.padY - class_y, out_stride);
    let first_kx = modulo(params.padX - class_x, out_stride);
    let offset_y = (class_y - params.padY + first_ky) / out_stride;
    let offset_x = (class_x - params.padX + first_kx) / out_stride;`;

export interface CorrelationArguments {
  readonly correlation: Correlation;
  readonly x: BufferView;
  readonly y: BufferView;
  /** `[Co, Kh, Kw, Ci]`, as the convolution has it, Ci filled up to vec4s. */
  readonly weight: BufferView;
  readonly co: number;
  /** Vec4s of Ci. */
  readonly weightQuads: number;
  readonly turned: boolean;
}

type Correlate = (args: CorrelationArguments) => void;

/** Calls `correlate` with what forward is. */
export function forwardAsCorrelation(
  device: Device,
  { shape, x, weight, y, kept }: ForwardArguments,
  correlate: Correlate,
): void {
  const { n, h, w, ci, co, kh, kw, stride, paddingH, paddingW } = shape;
  const { ho, wo } = outputExtents(shape);
  const correlation = {
    ...{ n, hi: h, wi: w, depth: quadsOf(ci), ho, wo, channels: 4 * quadsOf(co), kh, kw },
    ...{ padY: paddingH, padX: paddingW, inStride: stride, outStride: 1 },
  };
  const run = (x: BufferView) =>
    intoQuads(device, y, n * ho * wo, co, (y) =>
      withWeights(device, weight, shape, { correlation, x, y, turned: false }, correlate),
    );
  withQuads(device, x, n * h * w, ci, run, kept?.input);
}

/** Calls `correlate` with what the input gradient is. */
export function inputGradAsCorrelation(
  device: Device,
  { shape, dy, weight, dx }: InputGradArguments,
  correlate: Correlate,
): void {
  const { n, h, w, ci, co, kh, kw, stride, paddingH, paddingW } = shape;
  const { ho, wo } = outputExtents(shape);
  const correlation = {
    ...{ n, hi: ho, wi: wo, depth: quadsOf(co), ho: h, wo: w, channels: 4 * quadsOf(ci), kh, kw },
    ...{ padY: kh - 1 - paddingH, padX: kw - 1 - paddingW, inStride: 1, outStride: stride },
  };
  withQuads(device, dy, n * ho * wo, co, (x) =>
    intoQuads(device, dx, n * h * w, ci, (y) =>
      withWeights(device, weight, shape, { correlation, x, y, turned: true }, correlate),
    ),
  );
}

function withWeights(
  device: Device,
  weight: BufferView,
  { ci, co, kh, kw }: Conv2dShape,
  args: Pick<CorrelationArguments, "correlation" | "x" | "y" | "turned">,
  correlate: Correlate,
): void {
  withQuads(device, weight, co * kh * kw, ci, (weight) =>
    correlate({ ...args, weight, co, weightQuads: quadsOf(ci) }),
  );
}
