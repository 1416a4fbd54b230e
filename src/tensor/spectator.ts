/** What `gpu.profile` sees of ops and tensors while a function runs. */
import type { Tensor } from "./tensor.ts";

export interface Spectator {
  /** A tensor was made. */
  made(x: Tensor): void;
  /** An op has given its commands. */
  forward(op: string, output: Tensor, inputs: readonly Tensor[]): void;
  /** The backward of the op that made `output` begins; without arguments, the last one has ended. */
  backward(op?: string, output?: Tensor): void;
  /** What changes state outside of ops has given its commands. */
  update(by: string, tensors: readonly Tensor[]): void;
}

export const spectator: { now: Spectator | undefined } = { now: undefined };
