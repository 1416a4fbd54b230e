/** The cases of every kernel family: tests and benchmarks loop over this list. */
import type { KernelCase } from "./cases.ts";
import { elementwiseCases } from "./elementwise.cases.ts";
import { gatherCases } from "./gather.cases.ts";
import { reluCases } from "./relu.cases.ts";
import { rngCases } from "./rng.cases.ts";

export const allCases: readonly KernelCase[] = [
  ...elementwiseCases,
  ...gatherCases,
  ...reluCases,
  ...rngCases,
];
