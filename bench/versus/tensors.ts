/** Between the works' values and wgrad's tensors. */
import type { Gpu, Tensor } from "wgrad";
import { type Inputs, valuesOf } from "./inputs.ts";

/** A work that has its inputs on the GPU and ran once. */
export interface Prepared {
  /** Results of the first run, by name. */
  readonly outputs: Readonly<Record<string, Float32Array<ArrayBuffer>>>;
  run(): void;
  wait(): Promise<void>;
  free(): void;
}

export function upload(gpu: Gpu, inputs: Inputs, name: string, requiresGrad = false): Tensor {
  const { shape, data } = valuesOf(inputs, name);
  return gpu.tensor(data, shape, { requiresGrad });
}

/** Frees at once what would otherwise wait for a scope's end. */
export function release(tensor: Tensor): void {
  if (!tensor.isReleased) tensor.claim.release("the benchmark");
}

export function concatenate(arrays: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const all = new Float32Array(arrays.reduce((total, { length }) => total + length, 0));
  let offset = 0;
  for (const array of arrays) {
    all.set(array, offset);
    offset += array.length;
  }
  return all;
}
