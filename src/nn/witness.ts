/** How `summary` sees a model run: it's shown each module whose forward has returned, and the result. */
import type { Module } from "./module.ts";

type Witness = (module: Module, output: unknown) => void;
let witness: Witness | undefined;

/** Runs `fn` with `next` as the witness. */
export function witnessing(next: Witness, fn: () => void): void {
  const outer = witness;
  witness = next;
  try {
    fn();
  } finally {
    witness = outer;
  }
}

export function noteForward(module: Module, output: unknown): void {
  witness?.(module, output);
}
