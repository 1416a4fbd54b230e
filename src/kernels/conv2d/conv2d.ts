/**
 * 2-D convolution (cross-correlation) and its gradients, NHWC. The family's entry: the adapter's configuration does the work.
 *
 * Each is 2 N Ho Wo Co Kh Kw Ci operations. All outputs are overwritten.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import {
  type ConfigurationOf,
  chooseConfiguration,
  needsSubgroups,
  needsWinograd,
} from "../configuration.ts";
import { softwareKernels, winogradKernels } from "../loading.ts";
import { launchForwardDepthwise, launchInputGradDepthwise, launchWeightGradDepthwise } from "./depthwise.ts";
import { launchForwardPlain, launchInputGradPlain, launchWeightGradPlain } from "./plain.ts";
import { paddedInputBytes } from "./quads.ts";
import { type AnyConv2dShape, type Conv2dShape, type GeneralConv2dShape, isDepthwise } from "./shape.ts";
import { launchForwardTiled, launchInputGradTiled, launchWeightGradTiled, suitsTiled } from "./tiled.ts";

/** What forward leaves for the gradients: x and weights as the configuration transforms them. */
export interface Conv2dKept {
  readonly input?: BufferView | undefined;
  readonly weight?: BufferView | undefined;
}

export interface ForwardArguments<Shape = Conv2dShape> {
  readonly shape: Shape;
  readonly x: BufferView;
  readonly weight: BufferView;
  readonly y: BufferView;
  /** Overwritten. */
  readonly kept?: Conv2dKept | undefined;
}

export interface BackwardArguments<Shape = Conv2dShape> {
  readonly shape: Shape;
  readonly x: BufferView;
  readonly weight: BufferView;
  readonly dy: BufferView;
  readonly dx?: BufferView | undefined;
  readonly dweight?: BufferView | undefined;
  /** From the forward with the same x and weights. */
  readonly kept?: Conv2dKept | undefined;
}

export interface InputGradArguments<Shape = Conv2dShape> {
  readonly shape: Shape;
  readonly dy: BufferView;
  readonly weight: BufferView;
  readonly dx: BufferView;
}

export interface WeightGradArguments<Shape = Conv2dShape> {
  readonly shape: Shape;
  readonly x: BufferView;
  readonly dy: BufferView;
  readonly dweight: BufferView;
  /** From the forward with the same x. */
  readonly kept?: Conv2dKept | undefined;
}

export interface Conv2dConfiguration<Shape = Conv2dShape> {
  /** Bytes of what forward can keep for the filter gradient; left out where that's nothing. */
  readonly keptBytes?: (shape: Shape) => number;
  forward(device: Device, args: ForwardArguments<Shape>): void;
  inputGrad(device: Device, args: InputGradArguments<Shape>): void;
  weightGrad(device: Device, args: WeightGradArguments<Shape>): void;
}

/** Winograd's algorithm, where it's faster for a shape. */
export interface WinogradConfiguration {
  forward(device: Device, args: ForwardArguments): void;
  /** The gradients that are asked for. */
  backward(device: Device, args: BackwardArguments): void;
  /** Whether it's for the filter gradient, too. */
  readonly weightGrad: boolean;
  /** Bytes of what forward can keep for the gradients. */
  readonly kept: Readonly<Record<keyof Conv2dKept, number>>;
}

/** Those that compute by the definition. */
export type DirectConfiguration = Exclude<ConfigurationOf<"conv2d">, "winograd" | "tiled-winograd">;

const plain: Conv2dConfiguration<AnyConv2dShape> = {
  forward: launchForwardPlain,
  inputGrad: launchInputGradPlain,
  weightGrad: launchWeightGradPlain,
};

const depthwise: Conv2dConfiguration<GeneralConv2dShape> = {
  forward: launchForwardDepthwise,
  inputGrad: launchInputGradDepthwise,
  weightGrad: launchWeightGradDepthwise,
};

/** For the shapes that the fast kernels don't know, on every adapter. */
export const generalConfigurations = { plain, depthwise };

const generalFor = (shape: GeneralConv2dShape) => (isDepthwise(shape) ? depthwise : plain);

export const tiled: Conv2dConfiguration = {
  keptBytes: paddedInputBytes,
  forward: (device, args) => launchForwardTiled(device, args),
  inputGrad: (device, args) => launchInputGradTiled(device, args),
  weightGrad: (device, args) => launchWeightGradTiled(device, args),
};

/** The direct kernels for a shape; plain where the configuration's copies would be too large for a binding. */
function directFor(device: Device, shape: Conv2dShape): Conv2dConfiguration {
  const configuration = chooseConfiguration(device, "conv2d");
  if (needsSubgroups(configuration)) return softwareKernels().chooseConv2dSubgroup(device, shape) ?? plain;
  return configuration !== "plain" && suitsTiled(device, shape) ? tiled : plain;
}

function winogradFor(device: Device, shape: Conv2dShape): WinogradConfiguration | undefined {
  const configuration = chooseConfiguration(device, "conv2d");
  if (!needsWinograd(configuration)) return undefined;
  const { chooseWinograd } = winogradKernels();
  return configuration === "winograd"
    ? softwareKernels().chooseWinogradSubgroup(device, shape, chooseWinograd)
    : chooseWinograd(device, shape);
}

/** Bytes of what forward can keep for the gradients; 0 of what it has no use for. */
export function conv2dKeptBytes(
  device: Device,
  shape: AnyConv2dShape,
): Readonly<Record<keyof Conv2dKept, number>> {
  if ("groups" in shape) return { input: 0, weight: 0 };
  return (
    winogradFor(device, shape)?.kept ?? { input: directFor(device, shape).keptBytes?.(shape) ?? 0, weight: 0 }
  );
}

/** y[n, oy, ox, co] = sum over ky, kx, ci of x[n, oy stride - padding + ky, ox stride - padding + kx, ci] weight[co, ky, kx, ci]. */
export function conv2dForward(device: Device, { shape, ...views }: ForwardArguments<AnyConv2dShape>): void {
  if ("groups" in shape) {
    generalFor(shape).forward(device, { shape, ...views });
    return;
  }
  const winograd = winogradFor(device, shape);
  (winograd ?? directFor(device, shape)).forward(device, { shape, ...views });
}

/**
 * The gradients that are asked for: dx, the transposed convolution of dy with the same weights; dweight[co, ky, kx, ci] = sum over n, oy, ox of dy x,
 * right from 65,536 images on, too.
 */
export function conv2dBackward(device: Device, args: BackwardArguments<AnyConv2dShape>): void {
  const { shape, x, weight, dy, dx, dweight, kept } = args;
  if ("groups" in shape) {
    const general = generalFor(shape);
    if (dx) general.inputGrad(device, { shape, dy, weight, dx });
    if (dweight) general.weightGrad(device, { shape, x, dy, dweight });
    return;
  }
  const winograd = winogradFor(device, shape);
  const fast = winograd ? { dx, dweight: winograd.weightGrad ? dweight : undefined } : {};
  if (fast.dx || fast.dweight) winograd?.backward(device, { ...args, ...fast, shape });
  const direct = directFor(device, shape);
  if (dx && !fast.dx) direct.inputGrad(device, { shape, dy, weight, dx });
  if (dweight && !fast.dweight)
    direct.weightGrad(device, { shape, x, dy, dweight, kept: winograd ? undefined : kept });
}
