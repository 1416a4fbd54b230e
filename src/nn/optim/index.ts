/** `optim`: optimisers and learning-rate schedules. */
export type { Optimizer, OptimizerState, OptimizerStateValues } from "./optimizer.ts";
export { type Schedule, type StepDecayOptions, stepDecay } from "./schedules.ts";
export { type Sgd, type SgdOptions, type SgdRule, sgd } from "./sgd.ts";
