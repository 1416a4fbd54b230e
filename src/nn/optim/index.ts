/** `optim`: optimisers and learning-rate schedules. @module */
export { type Adam, type AdamOptions, adam, adamw } from "./adam.ts";
export { clipGradNorm } from "./clip-grad-norm.ts";
export { type Ema, type EmaOptions, ema } from "./ema.ts";
export type { ParameterGroup, Parameters } from "./groups.ts";
export { type Lookahead, type LookaheadOptions, lookahead } from "./lookahead.ts";
export type { Optimizer, OptimizerSettings, OptimizerState, OptimizerStateValues } from "./optimizer.ts";
export {
  type CosineOptions,
  chain,
  cosine,
  type LinearOptions,
  linear,
  oneCycle,
  type Schedule,
  type ScheduleOptions,
  type StepDecayOptions,
  stepDecay,
  type TriangularOptions,
  triangular,
  type WarmupOptions,
  warmup,
} from "./schedules.ts";
export { type Sgd, type SgdOptions, type SgdRule, sgd } from "./sgd.ts";
