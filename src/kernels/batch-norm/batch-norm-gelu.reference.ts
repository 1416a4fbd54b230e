/** Batch normalization and GELU in float64: one after the other. */
import { geluBackwardReference, geluForwardReference } from "../gelu.reference.ts";
import { batchNormGradReference, batchNormReference, type Moments } from "./batch-norm.reference.ts";

/** What both directions take beside x. */
export interface BatchNormGeluReference {
  readonly gamma: ArrayLike<number>;
  readonly beta: ArrayLike<number>;
  readonly moments: Moments;
  readonly eps: number;
}

/** y of x. */
export function batchNormGeluReference(
  x: ArrayLike<number>,
  { gamma, beta, moments, eps }: BatchNormGeluReference,
): Float64Array {
  return geluForwardReference(batchNormReference(x, moments, gamma, beta, eps));
}

/** Gradients for dy; in training, the moments depend on x. */
export function batchNormGeluGradReference(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  training: boolean,
  { gamma, beta, moments, eps }: BatchNormGeluReference,
): { dx: Float64Array; dgamma: Float64Array; dbeta: Float64Array } {
  const dnormal = geluBackwardReference(batchNormReference(x, moments, gamma, beta, eps), dy);
  return batchNormGradReference(x, dnormal, moments, gamma, eps, training);
}
