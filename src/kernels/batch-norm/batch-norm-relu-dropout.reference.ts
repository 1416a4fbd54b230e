/** Batch normalization, ReLU and dropout in float64: the three one after the other. */
import { dropoutReference } from "../dropout.reference.ts";
import { reluBackwardReference, reluForwardReference } from "../relu.reference.ts";
import { batchNormGradReference, batchNormReference, type Moments } from "./batch-norm.reference.ts";

/** What both directions take beside x. */
export interface BatchNormReluDropoutReference {
  readonly gamma: ArrayLike<number>;
  readonly beta: ArrayLike<number>;
  readonly moments: Moments;
  readonly eps: number;
  /** Of dropout; nothing is drawn at rate 0. */
  readonly rate: number;
  readonly ticket: ArrayLike<number>;
}

/** y of x. */
export function batchNormReluDropoutReference(
  x: ArrayLike<number>,
  { gamma, beta, moments, eps, rate, ticket }: BatchNormReluDropoutReference,
): Float64Array {
  const positive = reluForwardReference(batchNormReference(x, moments, gamma, beta, eps));
  return rate === 0 ? positive : dropoutReference(positive, ticket, rate);
}

/** Gradients for dy; in training, the moments depend on x. */
export function batchNormReluDropoutGradReference(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  training: boolean,
  { gamma, beta, moments, eps, rate, ticket }: BatchNormReluDropoutReference,
): { dx: Float64Array; dgamma: Float64Array; dbeta: Float64Array } {
  const normal = batchNormReference(x, moments, gamma, beta, eps);
  const kept = rate === 0 ? dy : dropoutReference(dy, ticket, rate);
  return batchNormGradReference(x, reluBackwardReference(normal, kept), moments, gamma, eps, training);
}
