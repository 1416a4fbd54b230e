/** The layers of pointwise functions. Formulas stand with the ops. */
import { type LeakyReluOptions, leakyRelu, sigmoid, silu, tanh } from "../tensor/ops/activations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/** x where it's positive, elsewhere a small multiple of it: `leakyRelu`. */
export class LeakyReLU extends Module {
  readonly options: LeakyReluOptions;

  constructor(options: LeakyReluOptions = {}) {
    super();
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return leakyRelu(x, this.options);
  }
}

/** `x σ(x)`. */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/** `1 / (1 + e^-x)`. */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** `tanh(x)`. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}
