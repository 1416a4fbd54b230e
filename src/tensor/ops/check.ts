/** Checks that several ops make of their arguments. */
import { kindOf } from "../kind.ts";
import { Tensor } from "../tensor.ts";

/** @throws Error unless x is a tensor */
export function requireTensor(op: string, name: string, x: Tensor): void {
  if (x instanceof Tensor) return;
  throw new Error(
    `[${op}] '${name}' must be a tensor, but got ${kindOf(x)}; make one by gpu.tensor(data, shape)`,
  );
}

/** @throws Error unless x is a tensor that holds floats */
export function requireFloat(op: string, name: string, x: Tensor): void {
  requireTensor(op, name, x);
  if (x.dtype === "f32") return;
  throw new Error(
    `[${op}] '${name}' must be an f32 tensor, but got ${x} of ${x.dtype}; make it from a Float32Array`,
  );
}
