/**
 * 2-D convolution (cross-correlation) and its gradients, NHWC. The family's entry: the adapter's configuration does the work.
 *
 * Each is 2 N Ho Wo Co Kh Kw Ci operations. All outputs are overwritten.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { type ConfigurationOf, chooseConfiguration } from "../configuration.ts";
import { launchForwardPlain, launchInputGradPlain, launchWeightGradPlain } from "./plain.ts";
import type { Conv2dShape } from "./shape.ts";
import {
  launchForwardSubgroup,
  launchInputGradSubgroup,
  launchWeightGradSubgroup,
  suitsSubgroup,
} from "./subgroup.ts";
import { launchForwardTiled, launchInputGradTiled, launchWeightGradTiled, suitsTiled } from "./tiled.ts";

export interface ForwardArguments {
  readonly shape: Conv2dShape;
  readonly x: BufferView;
  readonly weight: BufferView;
  readonly y: BufferView;
}

export interface InputGradArguments {
  readonly shape: Conv2dShape;
  readonly dy: BufferView;
  readonly weight: BufferView;
  readonly dx: BufferView;
}

export interface WeightGradArguments {
  readonly shape: Conv2dShape;
  readonly x: BufferView;
  readonly dy: BufferView;
  readonly dweight: BufferView;
}

export interface Conv2dConfiguration {
  forward(device: Device, args: ForwardArguments): void;
  inputGrad(device: Device, args: InputGradArguments): void;
  weightGrad(device: Device, args: WeightGradArguments): void;
}

export const conv2dConfigurations: Readonly<Record<ConfigurationOf<"conv2d">, Conv2dConfiguration>> = {
  plain: {
    forward: launchForwardPlain,
    inputGrad: launchInputGradPlain,
    weightGrad: launchWeightGradPlain,
  },
  subgroup: {
    forward: launchForwardSubgroup,
    inputGrad: launchInputGradSubgroup,
    weightGrad: launchWeightGradSubgroup,
  },
  tiled: {
    forward: (device, args) => launchForwardTiled(device, args),
    inputGrad: (device, args) => launchInputGradTiled(device, args),
    weightGrad: (device, args) => launchWeightGradTiled(device, args),
  },
};

const suits: Readonly<Record<ConfigurationOf<"conv2d">, (device: Device, shape: Conv2dShape) => boolean>> = {
  plain: () => true,
  subgroup: suitsSubgroup,
  tiled: suitsTiled,
};

/** The adapter's configuration; plain where that one's copies would be too large for a binding. */
function configurationFor(device: Device, shape: Conv2dShape): Conv2dConfiguration {
  const configuration = chooseConfiguration(device, "conv2d");
  return conv2dConfigurations[suits[configuration](device, shape) ? configuration : "plain"];
}

/** y[n, oy, ox, co] = sum over ky, kx, ci of x[n, oy stride - padding + ky, ox stride - padding + kx, ci] weight[co, ky, kx, ci]. */
export function conv2dForward(device: Device, args: ForwardArguments): void {
  configurationFor(device, args.shape).forward(device, args);
}

/** dx from dy: the transposed convolution with the same weights. */
export function conv2dInputGrad(device: Device, args: InputGradArguments): void {
  configurationFor(device, args.shape).inputGrad(device, args);
}

/** dweight[co, ky, kx, ci] = sum over n, oy, ox of dy x. Right from 65,536 images on, too. */
export function conv2dWeightGrad(device: Device, args: WeightGradArguments): void {
  configurationFor(device, args.shape).weightGrad(device, args);
}
