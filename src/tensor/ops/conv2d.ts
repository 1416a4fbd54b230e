import { biasAdd } from "../../kernels/bias.ts";
import { channelSum } from "../../kernels/channel-sum.ts";
import { conv2dBackward, conv2dForward, conv2dKeptBytes } from "../../kernels/conv2d/conv2d.ts";
import { type AnyConv2dShape, outputExtents, simplestShape } from "../../kernels/conv2d/shape.ts";
import { requireOptions } from "../kind.ts";
import { formatShape } from "../shape.ts";
import { record, willRecord } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { requireTensor } from "./check.ts";
import { type Extents, pairOf } from "./windows.ts";

/** How the window of `conv2d` moves, and what is added. */
export interface Conv2dOptions {
  /** Pixels from one window to the next, in both directions or `[down, across]`. 1 by default. */
  readonly stride?: Extents;
  /** Zeros around the image: on each side, or `[top and bottom, left and right]`. 0 by default. */
  readonly padding?: Extents;
  /** Pixels from one tap of a window to the next, in both directions or `[down, across]`. 1 by default. */
  readonly dilation?: Extents;
  /** Into how many groups the channels fall, outputs of a group seeing its inputs only. 1 by default; Ci for a depthwise convolution. */
  readonly groups?: number;
  /** `[Co]`, added to each output channel. */
  readonly bias?: Tensor | undefined;
}

/**
 * 2-D convolution, in the sense of neural networks (cross-correlation):
 *
 * `y[n, oy, ox, co] = bias[co] + sum over ky, kx, ci of x[n, oy s - p + ky d, ox s - p + kx d, first + ci] weight[co, ky, kx, ci]`
 *
 * with x zero outside the image, `first` the first input channel of co's group, `Ho = floor((H + 2 p - d (Kh - 1) - 1) / s) + 1`, and Wo likewise. The
 * input's gradient isn't computed where x needs none. Depthwise convolutions of up to 49 taps have kernels of their own; other groups, dilation, and strides
 * that differ take the plain ones, right but several times slower.
 * @param x `[N, H, W, Ci]`
 * @param weight `[Co, Kh, Kw, Ci / groups]`
 * @returns `[N, Ho, Wo, Co]`
 * @throws Error for shapes that don't fit, a stride or dilation that isn't a positive integer, groups that don't divide the channels, or a window larger
 * than the padded image
 */
export function conv2d(x: Tensor, weight: Tensor, options: Conv2dOptions = {}): Tensor {
  requireOptions("conv2d", options);
  const { bias } = options;
  const shape = checkedShape(x, weight, options);
  const { ho, wo } = outputExtents(shape);
  const { device } = x;
  const y = x.gpu.empty([shape.n, ho, wo, shape.co]);
  const kept = device.tracing && willRecord(x, weight) ? keep(x, weight, shape) : {};
  conv2dForward(device, { shape, x, weight, y, kept });
  if (bias) biasAdd(device, { bias, y, n: y.size, channels: shape.co });
  return record("conv2d", y, bias ? [x, weight, bias] : [x, weight], {
    saves: [x, weight],
    temporaries: Object.values(kept),
    backward: (dy, gradients) => {
      const launch = (dx?: Tensor, dweight?: Tensor) =>
        conv2dBackward(device, { shape, x, weight, dy, dx, dweight, kept });
      if (!gradients.wants(weight)) gradients.into(x, (dx) => launch(dx));
      else if (!gradients.wants(x)) gradients.into(weight, (dweight) => launch(undefined, dweight));
      else gradients.into(x, (dx) => gradients.into(weight, (dweight) => launch(dx, dweight)));
      if (!bias) return;
      gradients.into(bias, (dbias) =>
        channelSum(device, { x: dy, y: dbias, rows: shape.n * ho * wo, channels: shape.co }),
      );
    },
  });
}

/**
 * Places for what forward leaves for the gradients, in recordings, whose memory is planned. An eager forward that no backward follows would hold several times
 * its activations until they're garbage.
 */
function keep(x: Tensor, weight: Tensor, shape: AnyConv2dShape): { input?: Tensor; weight?: Tensor } {
  const bytes = conv2dKeptBytes(x.device, shape);
  const kept: { input?: Tensor; weight?: Tensor } = {};
  if (bytes.input > 0 && weight.requiresGrad) kept.input = x.gpu.temporary([bytes.input / 4]);
  if (bytes.weight > 0 && x.requiresGrad) kept.weight = x.gpu.temporary([bytes.weight / 4]);
  return kept;
}

function checkedShape(x: Tensor, weight: Tensor, options: Conv2dOptions): AnyConv2dShape {
  const { groups = 1, bias } = options;
  const [n, h, w, ci] = fourAxes("x", "[N, H, W, Ci]", x);
  const [co, kh, kw, depth] = fourAxes("weight", "[Co, Kh, Kw, Ci]", weight);
  if (!Number.isInteger(groups) || groups < 1 || ci % groups > 0 || co % groups > 0) {
    throw new Error(
      `[conv2d] 'groups' must be a positive integer that divides the ${ci} channels of x ${formatShape(x.shape)} and the ` +
        `${co} of 'weight' ${formatShape(weight.shape)}, but got ${groups}`,
    );
  }
  if (depth * groups !== ci) {
    throw new Error(
      `[conv2d] 'weight' must have ${ci / groups} input channels to match x ${formatShape(x.shape)}${groups > 1 ? ` in ${groups} groups` : ""}, ` +
        `but got ${formatShape(weight.shape)}; its layout is [Co, Kh, Kw, Ci${groups > 1 ? " / groups" : ""}], that of x [N, H, W, Ci]`,
    );
  }
  const [strideH, strideW] = pairOf("conv2d", "stride", options.stride ?? 1);
  const [dilationH, dilationW] = pairOf("conv2d", "dilation", options.dilation ?? 1);
  const [paddingH, paddingW] = pairOf("conv2d", "padding", options.padding ?? 0, 0);
  const [reachH, reachW] = [dilationH * (kh - 1) + 1, dilationW * (kw - 1) + 1];
  if (h + 2 * paddingH < reachH || w + 2 * paddingW < reachW) {
    const dilated = reachH * reachW > kh * kw ? `, dilated to ${reachH}x${reachW},` : "";
    throw new Error(
      `[conv2d] the ${kh}x${kw} window of 'weight' ${formatShape(weight.shape)}${dilated} is larger than x ${formatShape(x.shape)} ` +
        `padded to ${h + 2 * paddingH}x${w + 2 * paddingW}: there is no output; use more padding or a smaller window`,
    );
  }
  if (bias) {
    checkType("bias", bias);
    if (bias.shape.length !== 1 || bias.size !== co) {
      throw new Error(
        `[conv2d] 'bias' must be [${co}], one value an output channel of 'weight' ${formatShape(weight.shape)}, ` +
          `but got ${formatShape(bias.shape)}`,
      );
    }
  }
  return simplestShape({
    ...{ n, h, w, ci, co, kh, kw, groups },
    ...{ strideH, strideW, dilationH, dilationW, paddingH, paddingW },
  });
}

function fourAxes(name: string, layout: string, x: Tensor): readonly [number, number, number, number] {
  checkType(name, x);
  const [a, b, c, d, ...rest] = x.shape;
  if (a === undefined || b === undefined || c === undefined || d === undefined || rest.length > 0)
    throw new Error(`[conv2d] '${name}' must be ${layout}, but got ${formatShape(x.shape)}; reshape it`);
  return [a, b, c, d];
}

function checkType(name: string, x: Tensor): void {
  requireTensor("conv2d", name, x);
  if (x.dtype !== "f32") throw new Error(`[conv2d] '${name}' must be f32, but got ${x.dtype}`);
}
