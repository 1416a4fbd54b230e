/** Checks that several ops make of their arguments. */
import type { Tensor } from "../tensor.ts";

/** @throws Error unless x holds floats */
export function requireFloat(op: string, name: string, x: Tensor): void {
  if (x.dtype === "f32") return;
  throw new Error(
    `[${op}] '${name}' must be an f32 tensor, but got ${x} of ${x.dtype}; make it from a Float32Array`,
  );
}
