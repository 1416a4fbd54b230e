/** A multilayer perceptron: linear layers with ReLU between them. */
import type { Gpu } from "../../tensor/gpu.ts";
import { relu } from "../../tensor/ops/relu.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { heNormal } from "../init.ts";
import { Flatten, Linear } from "../layers.ts";
import { Module } from "../module.ts";
import { checkCount, type ImageInput, imagesOf } from "./options.ts";

/** What `mlp` takes. */
export interface MlpOptions {
  /** Features of the input; of images H x W x C. */
  readonly in: number;
  /** Features of each hidden layer; none make it a linear model. */
  readonly hidden: readonly number[];
  /** Features of the output, such as classes. */
  readonly out: number;
  /** Of the initial weights; 0 by default. */
  readonly seed?: number;
}

/** `out(relu(... relu(layer 0 (x))))`, with `heNormal` weights and biases of 0. @throws Error for extents that aren't positive integers */
export function mlp(gpu: Gpu, options: MlpOptions): Mlp {
  return new Mlp(gpu, options);
}

/** See `mlp`. */
export class Mlp extends Module {
  readonly flatten = new Flatten();
  readonly layers: readonly Linear[];

  /** See `mlp`. */
  constructor(gpu: Gpu, { in: inputs, hidden, out, seed = 0 }: MlpOptions) {
    super();
    checkCount("mlp", "in", inputs);
    for (const extent of hidden) checkCount("mlp", "hidden", extent);
    checkCount("mlp", "out", out);
    const init = heNormal({ seed });
    const extents = [inputs, ...hidden, out];
    this.layers = extents
      .slice(1)
      .map((extent, k) => new Linear(gpu, { in: extents[k] ?? 0, out: extent, init }));
  }

  /** @param input `[N, in]`, or images of as many values, or a batch of a data set @returns `[N, out]` */
  forward(input: ImageInput): Tensor {
    return this.layers.reduce(
      (x, layer, k) => layer.forward(k === 0 ? x : relu(x)),
      this.flatten.forward(imagesOf(input)),
    );
  }
}
