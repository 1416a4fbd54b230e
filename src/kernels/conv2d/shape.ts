/** Extents of a 2-D convolution: x `[N, H, W, Ci]`, weight `[Co, Kh, Kw, Ci]`, y `[N, Ho, Wo, Co]`. */
export interface Conv2dShape {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly ci: number;
  readonly co: number;
  readonly kh: number;
  readonly kw: number;
  readonly stride: number;
  readonly paddingH: number;
  readonly paddingW: number;
}

/**
 * What convolutions may be besides: strides that differ, taps `dilation` pixels apart, channels in `groups` that see only their own, weight
 * `[Co, Kh, Kw, Ci / groups]`. Only the plain and the depthwise kernels know these.
 */
export interface GeneralConv2dShape extends Omit<Conv2dShape, "stride"> {
  readonly strideH: number;
  readonly strideW: number;
  readonly dilationH: number;
  readonly dilationW: number;
  readonly groups: number;
}

export type AnyConv2dShape = Conv2dShape | GeneralConv2dShape;

export function generalShape(shape: AnyConv2dShape): GeneralConv2dShape {
  if ("groups" in shape) return shape;
  const { stride, ...rest } = shape;
  return { ...rest, strideH: stride, strideW: stride, dilationH: 1, dilationW: 1, groups: 1 };
}

/** The shape as the fast kernels know it, where it's one of theirs. */
export function simplestShape(shape: GeneralConv2dShape): AnyConv2dShape {
  const { strideH, strideW, dilationH, dilationW, groups, ...rest } = shape;
  const isDense = strideH === strideW && dilationH * dilationW * groups === 1;
  return isDense ? { ...rest, stride: strideH } : shape;
}

/** Each output channel sees one input channel only, through a window that kernels can be unrolled for. */
export const isDepthwise = ({ ci, groups, kh, kw }: GeneralConv2dShape) => groups === ci && kh * kw <= 49;

/** Ho and Wo: `floor((H + 2 padding - dilation (Kh - 1) - 1) / stride) + 1`. */
export function outputExtents(shape: AnyConv2dShape): { readonly ho: number; readonly wo: number } {
  const { h, w, kh, kw, strideH, strideW, dilationH, dilationW, paddingH, paddingW } = generalShape(shape);
  return {
    ho: Math.floor((h + 2 * paddingH - dilationH * (kh - 1) - 1) / strideH) + 1,
    wo: Math.floor((w + 2 * paddingW - dilationW * (kw - 1) - 1) / strideW) + 1,
  };
}

/** Elements of each tensor. */
export function sizesOf(shape: AnyConv2dShape): {
  readonly x: number;
  readonly weight: number;
  readonly y: number;
} {
  const { n, h, w, ci, co, kh, kw, groups } = generalShape(shape);
  const { ho, wo } = outputExtents(shape);
  return { x: n * h * w * ci, weight: (co * kh * kw * ci) / groups, y: n * ho * wo * co };
}

/** Parameters that the filter gradient's kernels have in common; channels in vec4s. */
export const weightGradParams = {
  n: "i32",
  hi: "i32",
  wi: "i32",
  inputs: "i32",
  ho: "i32",
  wo: "i32",
  outputs: "i32",
  kh: "i32",
  kw: "i32",
  padY: "i32",
  padX: "i32",
  stride: "i32",
} as const;
