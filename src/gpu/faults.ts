/**
 * Mistakes that only a kernel can see, such as a label without a class: how they reach the user as errors.
 *
 * A kernel can't throw. It writes what it saw into four words that belong to the device: `[code, a, b, c]`, code 0 for none,
 * and only if there is no earlier one. Every read to the host takes these words along in its own copy and submit, so looking
 * costs nothing, and throws the message that belongs to the code. So a fault surfaces at the next read, whatever is read.
 * Kernels that report run in one workgroup (a reduction at the end of an op) and write from one lane: no atomics.
 */
import type { BufferView } from "./buffers.ts";

/** Makes a message of the three words that a kernel reported, as signed integers. */
export type FaultMessage = (a: number, b: number, c: number) => string;

const messages: FaultMessage[] = [];

/** Registers a kind of fault. @returns the code that its kernels write */
export function defineFault(message: FaultMessage): number {
  return messages.push(message);
}

export const faultBytes = 16;

/** The message of what kernels reported, undefined if nothing was. */
export function describeFault(bytes: ArrayBuffer): string | undefined {
  const [code = 0, a = 0, b = 0, c = 0] = new Int32Array(bytes);
  if (code === 0) return undefined;
  return messages[code - 1]?.(a, b, c) ?? `[gpu] a kernel reported an unknown fault ${code}`;
}

/** Creates the words at their first use: work that can't fail carries none along. */
export class FaultWords {
  #view: BufferView | undefined;
  readonly #create: () => BufferView;

  constructor(create: () => BufferView) {
    this.#create = create;
  }

  /** The words, if any kernel uses them. */
  get existing(): BufferView | undefined {
    return this.#view;
  }

  /** The words, to bind as a kernel's `update`. */
  get view(): BufferView {
    this.#view ??= this.#create();
    return this.#view;
  }
}
