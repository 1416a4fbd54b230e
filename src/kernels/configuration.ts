/**
 * Which configuration of a heavy kernel family a device uses.
 *
 * *plain* is right everywhere and the oracle of the others. *subgroup* is for software Vulkan, where a workgroup of one subgroup
 * keeps its accumulators in registers and takes values from its neighbours; it needs subgroups of one known size.
 */
import type { Device } from "../gpu/device.ts";

export type ConfigurationName = "plain" | "subgroup";

/** Sizes for which the subgroup kernels are generated: 4 (SwiftShader), 8 and 16 (lavapipe at 256 and 512 bits). */
const subgroupSizes: readonly number[] = [4, 8, 16];

/** Why the subgroup kernels can't run on a device, if they can't. */
export function subgroupObstacle(device: Device): string | undefined {
  const { subgroupSize } = device.info;
  if (subgroupSizes.includes(subgroupSize)) return undefined;
  if (subgroupSize > 0) return `its subgroups have ${subgroupSize} lanes, not ${subgroupSizes.join(", ")}`;
  return "its subgroups have no fixed size";
}

const inUse = new WeakMap<Device, Map<string, ConfigurationName>>();

/** What the families that ran on a device so far use: a run that is resumed with the same has the same bits. */
export function configurationsInUse(device: Device): Record<string, ConfigurationName> {
  return Object.fromEntries(inUse.get(device) ?? []);
}

/** The configuration of `family`. @throws Error if `device.configurations` asks for one that is unknown or can't run there */
export function chooseConfiguration(device: Device, family: string): ConfigurationName {
  const known = inUse.get(device) ?? new Map<string, ConfigurationName>();
  inUse.set(device, known);
  const configuration = known.get(family) ?? decide(device, family);
  known.set(family, configuration);
  return configuration;
}

function decide(device: Device, family: string): ConfigurationName {
  const wanted = device.configurations[family];
  const obstacle = subgroupObstacle(device);
  if (wanted === undefined) return device.info.isSoftware && !obstacle ? "subgroup" : "plain";
  if (wanted !== "plain" && wanted !== "subgroup") {
    throw new Error(
      `[${family}] 'configurations.${family}' must be "plain" or "subgroup", but got "${wanted}"`,
    );
  }
  if (wanted === "subgroup" && obstacle) {
    throw new Error(
      `[${family}] the configuration "subgroup" can't run on this adapter: ${obstacle}; ` +
        `leave 'configurations.${family}' out or use "plain"`,
    );
  }
  return wanted;
}
