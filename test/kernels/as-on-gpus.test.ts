/** Kernels cut their work by the kind of adapter: on one in software, what GPUs get is tested on a device that claims to be one. */
import { describe, expect, it } from "vitest";
import { Device } from "../../src/gpu/device.ts";
import { allCases } from "../../src/kernels/all.cases.ts";
import { firstError, runCase } from "../../src/testing/run-case.ts";
import { gpu } from "../support/gpu.ts";

const device = new Device(gpu.device.raw, false);
Object.defineProperty(device, "info", { value: { ...gpu.info, isSoftware: false, vendor: "nvidia" } });

/** Those that ask how many lanes an adapter wants. */
const families = /^(batch_norm|conv2d_\w+ depthwise)/;
const cases = allCases.filter(
  ({ name, bench, outputs }) =>
    families.test(name) && !bench && Object.values(outputs).every((elements) => elements <= 300_000),
);

describe("cut for a GPU", () => {
  it.each(cases)("$name", async (kernelCase) => {
    const { outputs, overrun } = await runCase(device, kernelCase);
    expect(overrun).toEqual([]);
    expect(firstError(kernelCase, outputs, kernelCase.reference(kernelCase.inputs()))).toBeUndefined();
  });
});
