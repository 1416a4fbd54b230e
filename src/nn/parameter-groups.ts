import type { Tensor } from "../tensor/tensor.ts";
import type { Module } from "./module.ts";

/** Trained parameters in model order, apart by what they do. */
export interface WeightsAndBiases {
  /** Of two axes or more: of convolutions and linear layers. */
  readonly weights: readonly Tensor[];
  /** Of one axis: biases, and gamma and beta of batch normalization. */
  readonly biases: readonly Tensor[];
}

/** The trained parameters of a model for optimisers that treat weights and biases differently; frozen ones are left out. */
export function weightsAndBiases(model: Module): WeightsAndBiases {
  const trained = model.parameters().filter(({ requiresGrad }) => requiresGrad);
  return {
    weights: trained.filter(({ shape }) => shape.length > 1),
    biases: trained.filter(({ shape }) => shape.length <= 1),
  };
}
