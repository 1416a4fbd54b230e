/** Finds an adapter and opens a device with every limit and optional feature that the kernels can use. */
import { noAdapterAdvice, openWebGpu } from "#host";

/** Thrown by `createGpu` where there is no WebGPU adapter; the message says what to install. */
export class NoAdapterError extends Error {
  override readonly name = "NoAdapterError";
}

/** What an adapter says about itself. */
export interface GpuInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** What to call it: all that it says, since a browser says little, and a GPU's description may name its driver only. */
  readonly name: string;
  /** True for adapters that compute on the CPU (lavapipe, SwiftShader, WARP): other kernels are fast there. */
  readonly isSoftware: boolean;
  /** Lanes of a subgroup, where the adapter has subgroups of one size only; otherwise 0. */
  readonly subgroupSize: number;
}

const wantedFeatures: readonly GPUFeatureName[] = ["subgroups", "shader-f16", "timestamp-query"];

const wantedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupsPerDimension",
] as const;

export interface OpenOptions {
  readonly powerPreference?: GPUPowerPreference;
  /** A part of the adapter's name, in Node. */
  readonly adapter?: string | undefined;
}

/** By what each device was opened. */
const openedBy = new WeakMap<GPUDevice, OpenOptions>();

/** Opens a device on the default adapter, or on the one that is named. @throws NoAdapterError, or Error for an unknown name */
export async function openDevice(options: OpenOptions): Promise<GPUDevice> {
  const { adapter: wanted, ...request } = options;
  const webgpu = await openWebGpu(wanted);
  const adapter = await webgpu?.requestAdapter(request);
  if (!adapter) throw new NoAdapterError(`[createGpu] no WebGPU adapter was found. ${noAdapterAdvice}`);
  const device = await adapter.requestDevice({
    label: "wgrad",
    requiredFeatures: wantedFeatures.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]])),
  });
  openedBy.set(device, options);
  return device;
}

/** Another device of the same adapter. */
export function openSibling(device: GPUDevice): Promise<GPUDevice> {
  return openDevice(openedBy.get(device) ?? {});
}

const softwareNames = /llvmpipe|lavapipe|swiftshader|software|basic render|warp/i;

export function describeAdapter(device: GPUDevice): GpuInfo {
  const {
    vendor,
    architecture,
    device: name,
    description,
    isFallbackAdapter,
    subgroupMinSize,
    subgroupMaxSize,
  } = device.adapterInfo;
  const isSoftware =
    isFallbackAdapter || softwareNames.test(`${vendor} ${architecture} ${name} ${description}`);
  const model = isSoftware && description !== "" ? [] : [name || `${vendor} ${architecture}`.trim()];
  const fixed = device.features.has("subgroups") && subgroupMinSize === subgroupMaxSize;
  return {
    vendor,
    architecture,
    device: name,
    description,
    name: [...model, description].filter((part) => part !== "").join(", ") || "unnamed adapter",
    isSoftware,
    subgroupSize: fixed ? subgroupMinSize : 0,
  };
}
