/**
 * How a recording notices that its function would read another tensor now than when it was traced.
 *
 * A function is arbitrary code: which variables it reads can't be seen. But modules know when they run, and what their
 * properties hold, and those of the modules inside; that is noted before their forward, and compared before each replay. And every tensor that an op is given passes
 * through the trace: one that is released since then would make the function itself throw.
 */
import type { Trace } from "../gpu/trace.ts";
import { Rng } from "./rng.ts";
import { Tensor } from "./tensor.ts";

/** A property, or a place in an array or plain object in it, and what lies there. */
export interface Held {
  readonly owner: object;
  readonly keys: readonly string[];
  /** A tensor, a stream, or another owner. */
  readonly value: object;
  /** For messages. */
  readonly name: () => string;
}

/** What ran, and what that held before, with what lies inside it. */
class Uses {
  readonly owners = new Set<object>();
  readonly held: Held[] = [];
  readonly #listed = new Set<object>();

  add(owner: object, list: () => readonly Held[]): void {
    this.owners.add(owner);
    if (this.#listed.has(owner)) return;
    this.#listed.add(owner);
    for (const held of list()) {
      this.#listed.add(held.owner);
      this.held.push(held);
    }
  }

  /** What the commands of a trace depend on: tensors and streams in them, what ran, and whatever holds one of these. */
  inTrace({ places }: Trace): Held[] {
    const isRead = ({ claim: { storage } }: Tensor) => storage !== undefined && places.has(storage);
    const used: Held[] = [];
    // Backwards, since what lies inside comes after what holds it.
    for (const held of this.held.toReversed()) {
      const { value, owner } = held;
      const isUsed =
        value instanceof Tensor
          ? isRead(value)
          : value instanceof Rng
            ? isRead(value.counter)
            : this.owners.has(value);
      if (!isUsed) continue;
      this.owners.add(owner);
      used.unshift(held);
    }
    return used;
  }
}

let watching: Uses | undefined;

/** Called by what holds tensors each time that it's about to be used. `list` is asked at the first time in a recorded step. */
export function noteUse(owner: object, list: () => readonly Held[]): void {
  watching?.add(owner, list);
}

/** Runs `fn`. @returns also what holds tensors and was used while it ran */
export function watchDuring<T>(fn: () => T): { readonly result: T; readonly uses: Uses } {
  const outer = watching;
  const uses = new Uses();
  watching = uses;
  try {
    return { result: fn(), uses };
  } finally {
    watching = outer;
  }
}

/** The first place where something else lies now. */
export function findReplaced(held: readonly Held[]): Held | undefined {
  return held.find(({ owner, keys, value }) => {
    let now: unknown = owner;
    for (const key of keys) now = typeof now === "object" && now !== null ? Reflect.get(now, key) : undefined;
    return now !== value;
  });
}

/** The tensors from before a trace that its commands read or write, each once. @param since `Tensor.made` when it began */
export function outerTensors({ handles }: Trace, since: number): Tensor[] {
  return [...handles].filter((handle): handle is Tensor => handle instanceof Tensor && handle.serial < since);
}
