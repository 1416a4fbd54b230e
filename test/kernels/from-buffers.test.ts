/** What lavapipe reads as texels, other software adapters read from buffers: on lavapipe that's tested on a device that claims to be another. */
import { describe, expect, it } from "vitest";
import { Device } from "../../src/gpu/device.ts";
import { allCases } from "../../src/kernels/all.cases.ts";
import { firstError, runCase } from "../../src/testing/run-case.ts";
import { gpu } from "../support/gpu.ts";

const device = new Device(gpu.device.raw, false);
Object.defineProperty(device, "info", { value: { ...gpu.info, description: "another" } });

const families = /^(gemm|conv2d_\w+) .*(subgroup|winograd)/;
const cases = allCases.filter(
  ({ name, bench, outputs }) =>
    families.test(name) && !bench && Object.values(outputs).every((elements) => elements <= 3000),
);

const isLavapipe = /llvmpipe/i.test(gpu.info.description);
if (!isLavapipe) console.log("left out: this adapter reads no texels, so the other tests read from buffers");

describe.runIf(isLavapipe)("read from buffers", () => {
  it.each(cases)("$name", async (kernelCase) => {
    const { outputs, overrun } = await runCase(device, kernelCase);
    expect(overrun).toEqual([]);
    expect(firstError(kernelCase, outputs, kernelCase.reference(kernelCase.inputs()))).toBeUndefined();
  });
});
