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

/** Opens a device on the default adapter. @throws NoAdapterError */
export async function openDevice(options: GPURequestAdapterOptions): Promise<GPUDevice> {
  const webgpu = await openWebGpu();
  const adapter = await webgpu?.requestAdapter(options);
  if (!adapter) throw new NoAdapterError(`[createGpu] no WebGPU adapter was found. ${noAdapterAdvice}`);
  return adapter.requestDevice({
    label: "wgrad",
    requiredFeatures: wantedFeatures.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]])),
  });
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
  const fixed = device.features.has("subgroups") && subgroupMinSize === subgroupMaxSize;
  return {
    vendor,
    architecture,
    device: name,
    description,
    isSoftware: isFallbackAdapter || softwareNames.test(`${vendor} ${architecture} ${name} ${description}`),
    subgroupSize: fixed ? subgroupMinSize : 0,
  };
}
