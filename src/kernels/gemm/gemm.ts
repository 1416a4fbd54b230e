/** y = op(a) op(b), row-major, in float32. The family's entry: the adapter's configuration does the work. */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { type ConfigurationOf, chooseConfiguration } from "../configuration.ts";
import { softwareKernels } from "../loading.ts";
import { launchGemmPlain } from "./plain.ts";
import { launchGemmTiled, suitsTiled } from "./tiled.ts";

export interface GemmArguments {
  /** `[M, K]`, or `[K, M]` with `transposeA`. */
  readonly a: BufferView;
  /** `[K, N]`, or `[N, K]` with `transposeB`. */
  readonly b: BufferView;
  /** `[M, N]`, overwritten. */
  readonly y: BufferView;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

export const gemmConfigurations: Readonly<
  Record<ConfigurationOf<"gemm">, (device: Device, args: GemmArguments) => void>
> = {
  plain: launchGemmPlain,
  subgroup: (device, args) => softwareKernels().launchGemmSubgroup(device, args),
  tiled: (device, args) => launchGemmTiled(device, args),
};

const suits: Readonly<Record<ConfigurationOf<"gemm">, (device: Device, args: GemmArguments) => boolean>> = {
  plain: () => true,
  subgroup: (device, args) => softwareKernels().suitsGemmSubgroup(device, args),
  tiled: (_, args) => suitsTiled(args),
};

/** Encodes y = op(a) op(b). 2 M N K operations. Where a matrix is thinner than a tile, the plain kernel serves every configuration. */
export function gemm(device: Device, args: GemmArguments): void {
  const configuration = chooseConfiguration(device, "gemm");
  gemmConfigurations[suits[configuration](device, args) ? configuration : "plain"](device, args);
}
