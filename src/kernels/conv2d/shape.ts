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

/** Ho and Wo: `floor((H + 2 padding - Kh) / stride) + 1`. */
export function outputExtents(shape: Conv2dShape): { readonly ho: number; readonly wo: number } {
  const { h, w, kh, kw, stride, paddingH, paddingW } = shape;
  return {
    ho: Math.floor((h + 2 * paddingH - kh) / stride) + 1,
    wo: Math.floor((w + 2 * paddingW - kw) / stride) + 1,
  };
}

/** Elements of each tensor. */
export function sizesOf(shape: Conv2dShape): {
  readonly x: number;
  readonly weight: number;
  readonly y: number;
} {
  const { n, h, w, ci, co, kh, kw } = shape;
  const { ho, wo } = outputExtents(shape);
  return { x: n * h * w * ci, weight: co * kh * kw * ci, y: n * ho * wo * co };
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
