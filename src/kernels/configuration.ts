/**
 * Which configuration of a heavy kernel family a device uses.
 *
 * *plain* is right everywhere and the oracle of the others. *subgroup* is for software Vulkan, where a workgroup of one subgroup
 * keeps its accumulators in registers and takes values from its neighbours; it needs subgroups of one known size. *tiled* is for GPUs: workgroups share tiles
 * in workgroup memory, which costs a CPU a switch of fibres for every barrier. *winograd* and *tiled-winograd* are these two, with Winograd's algorithm where it's faster.
 */
import type { Configurations, Device } from "../gpu/device.ts";

/** The configurations of each family. */
export const configurationNames = {
  gemm: ["plain", "subgroup", "tiled"],
  conv2d: ["plain", "subgroup", "tiled", "winograd", "tiled-winograd"],
} as const;

export type ConfigurableFamily = keyof typeof configurationNames;
type Names = { [F in ConfigurableFamily]: (typeof configurationNames)[F][number] };
export type ConfigurationOf<F extends ConfigurableFamily> = Names[F];

/** Sizes for which the subgroup kernels are generated: 4 (SwiftShader), 8 and 16 (lavapipe at 256 and 512 bits). */
const subgroupSizes: readonly number[] = [4, 8, 16];

/** Why the subgroup kernels can't run on a device, if they can't. */
export function subgroupObstacle(device: Device): string | undefined {
  const { subgroupSize } = device.info;
  if (subgroupSizes.includes(subgroupSize)) return undefined;
  if (subgroupSize > 0) return `its subgroups have ${subgroupSize} lanes, not ${subgroupSizes.join(", ")}`;
  return "its subgroups have no fixed size";
}

/** @throws Error for a name that is no family's: it would be ignored */
export function checkFamilies(configurations: Configurations): void {
  const families = Object.keys(configurationNames);
  const unknown = Object.keys(configurations).find((name) => !families.includes(name));
  if (unknown === undefined) return;
  throw new Error(`[createGpu] 'configurations' may name ${families.join(" and ")}, but has '${unknown}'`);
}

const inUse = new WeakMap<Device, Partial<Names>>();

/** What the families that ran on a device so far use: a run that is resumed with the same has the same bits. */
export function configurationsInUse(device: Device): Readonly<Record<string, string>> {
  return { ...inUse.get(device) };
}

/** The configuration of `family`. @throws Error if `device.configurations` asks for one that is unknown or can't run there */
export function chooseConfiguration<F extends ConfigurableFamily>(
  device: Device,
  family: F,
): ConfigurationOf<F> {
  const choices = inUse.get(device) ?? {};
  inUse.set(device, choices);
  const known: ConfigurationOf<F> | undefined = choices[family];
  if (known !== undefined) return known;
  const decided = decide(device, family);
  choices[family] = decided;
  return decided;
}

/** What suits the adapter: tiled on a GPU; on a CPU the subgroup kernels, or plain where they can't run. */
function preferred(device: Device, family: ConfigurableFamily): string {
  if (!device.info.isSoftware) return family === "conv2d" ? "tiled-winograd" : "tiled";
  if (subgroupObstacle(device)) return "plain";
  return family === "conv2d" ? "winograd" : "subgroup";
}

/** What a family of a device uses, if nobody has mistaken its name. */
const wantedOf = (device: Device, family: ConfigurableFamily) =>
  device.configurations[family] ?? preferred(device, family);

/** Whether some family's kernels are those for subgroups, that is for software Vulkan. */
export function usesSubgroups(device: Device): boolean {
  const families = Object.keys(configurationNames) as ConfigurableFamily[];
  return families.some((family) => needsSubgroups(wantedOf(device, family)));
}

/** Whether convolutions use Winograd's algorithm. */
export function usesWinograd(device: Device): boolean {
  return needsWinograd(wantedOf(device, "conv2d"));
}

export const needsSubgroups = (configuration: string): boolean =>
  configuration === "subgroup" || configuration === "winograd";
export const needsWinograd = (configuration: string): boolean => configuration.endsWith("winograd");

function decide<F extends ConfigurableFamily>(device: Device, family: F): ConfigurationOf<F> {
  const wanted = wantedOf(device, family);
  if (!isConfigurationOf(family, wanted)) {
    const names = configurationNames[family].map((name) => `"${name}"`);
    throw new Error(
      `[${family}] 'configurations.${family}' must be ${names.slice(0, -1).join(", ")} or ${names.at(-1)}, but got "${wanted}"`,
    );
  }
  const obstacle = needsSubgroups(wanted) ? subgroupObstacle(device) : undefined;
  if (obstacle) {
    throw new Error(
      `[${family}] the configuration "${wanted}" can't run on this adapter: ${obstacle}; ` +
        `leave 'configurations.${family}' out or use "plain"`,
    );
  }
  return wanted;
}

function isConfigurationOf<F extends ConfigurableFamily>(
  family: F,
  name: string,
): name is ConfigurationOf<F> {
  const names: readonly string[] = configurationNames[family];
  return names.includes(name);
}
