/** `optim`: optimisers and learning-rate schedules. */
export type { ParameterGroup, Parameters } from "./groups.ts";
export { type Lookahead, type LookaheadOptions, lookahead } from "./lookahead.ts";
export type { Optimizer, OptimizerSettings, OptimizerState, OptimizerStateValues } from "./optimizer.ts";
export {
  type Schedule,
  type StepDecayOptions,
  stepDecay,
  type TriangularOptions,
  triangular,
} from "./schedules.ts";
export { type Sgd, type SgdOptions, type SgdRule, sgd } from "./sgd.ts";
