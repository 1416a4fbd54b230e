/** The adapter that `--device` asks for. */
import { createGpu, type Gpu } from "wgrad";
import type { Options } from "./options.ts";

/** @param configurations the kernels' configurations to take, where a snapshot says */
export function openGpu(
  { device }: Pick<Options, "device">,
  configurations: Readonly<Record<string, string>> = {},
): Promise<Gpu> {
  if (device === "auto") return createGpu({ configurations });
  if (device === "high-performance" || device === "low-power")
    return createGpu({ configurations, powerPreference: device });
  return createGpu({ configurations, adapter: device });
}
