/// <reference types="vite/client" />
/** Every kernel case of every family against its float64 reference, and every kernel in some case. */
import { describe, expect, it } from "vitest";
import { allCases } from "../../src/kernels/all.cases.ts";
import type { KernelCase } from "../../src/kernels/cases.ts";
import { firstError, runCase } from "../../src/testing/run-case.ts";
import { gpu } from "../support/gpu.ts";

const isSmall = ({ outputs, flops = 0 }: KernelCase) =>
  Object.values(outputs).every((elements) => elements <= 300_000) && flops <= 3e7;

const tooLarge = "of more than 300,000 elements or 3e7 FLOPs; the benchmark checks it before it times it";

describe("kernels against float64", () => {
  for (const kernelCase of allCases) {
    const skip = isSmall(kernelCase) ? kernelCase.skip?.(gpu.device) : tooLarge;
    it(skip ? `${kernelCase.name} (skipped: ${skip})` : kernelCase.name, async ({ skip: skipTest }) => {
      if (skip) skipTest(skip);
      const { outputs, overrun } = await runCase(gpu.device, kernelCase);
      expect(overrun, "buffers around which something was written").toEqual([]);
      expect(firstError(kernelCase, outputs, kernelCase.reference(kernelCase.inputs()))).toBeUndefined();
    });
  }
});

describe("coverage", () => {
  it.runIf(gpu.info.isSoftware)("every configuration runs on an adapter in software", () => {
    const skipped = allCases.filter(({ skip }) => skip?.(gpu.device));
    expect(skipped.map(({ name }) => name)).toEqual([]);
  });

  const modules = import.meta.glob<Record<string, unknown>>("../../src/kernels/**/*.ts", { eager: true });
  const covered = new Set(allCases.filter(isSmall).flatMap(({ covers }) => covers.map(({ label }) => label)));

  for (const [file, exports] of Object.entries(modules)) {
    for (const value of Object.values(exports)) {
      if (typeof value !== "function" || !("source" in value) || !("label" in value)) continue;
      const { label } = value;
      it(`${label} of ${file.slice(file.indexOf("kernels/"))} has a case`, () => {
        expect(covered).toContain(label);
      });
    }
  }
});
