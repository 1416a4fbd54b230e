/**
 * How a recording notices that its function would read another tensor now than when it was traced.
 *
 * A function is arbitrary code: which variables it reads can't be seen. But modules know when they run, and what their
 * properties hold; that is noted before their forward, and compared before each replay. And every tensor that an op is given passes
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

let watching: Map<object, readonly Held[]> | undefined;

/** Called by what holds tensors each time that it's about to be used. `list` is asked at the first time in a recorded step. */
export function noteUse(owner: object, list: () => readonly Held[]): void {
  if (watching && !watching.has(owner)) watching.set(owner, list());
}

/** Runs `fn`. @returns what it holds that was used while it ran */
export function watchDuring<T>(fn: () => T): { readonly result: T; readonly held: readonly Held[] } {
  const outer = watching;
  const noted = new Map<object, readonly Held[]>();
  watching = noted;
  try {
    return { result: fn(), held: [...noted.values()].flat() };
  } finally {
    watching = outer;
  }
}

/** Of what was noted, what the commands of a trace depend on: tensors and streams in them, owners that were used themselves. */
export function onlyUsed(held: readonly Held[], { places }: Trace): Held[] {
  const owners = new Set(held.map(({ owner }) => owner));
  const isRead = ({ claim: { storage } }: Tensor) => storage !== undefined && places.has(storage);
  return held.filter(({ value }) => {
    if (value instanceof Tensor) return isRead(value);
    return value instanceof Rng ? isRead(value.counter) : owners.has(value);
  });
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
