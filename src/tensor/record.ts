/**
 * `gpu.record`: a function of tensors as a function that replays its commands.
 *
 * Arguments are copied into tensors that the recording owns. Binding the caller's buffers instead would mean new bind groups for
 * every new buffer, and a copy of a batch is a thousandth of a step.
 */
import { Recording } from "../gpu/recording.ts";
import type { Gpu } from "./gpu.ts";
import { InputTensors, keyOf, listInputs, mapInputs, sharingOf } from "./record-arguments.ts";
import { type Spectator, spectator } from "./spectator.ts";
import { gradientsEnabled } from "./tape.ts";
import { type HostData, Tensor } from "./tensor.ts";
import { findReplaced, type Held, outerTensors, watchDuring } from "./watch.ts";

/** What a recorded step takes where `fn` takes T: arrays may stand for tensors. */
export type RecordedArgument<T> = T extends Tensor
  ? T | HostData
  : T extends HostData | ((...args: never[]) => unknown)
    ? T
    : T extends object
      ? { readonly [K in keyof T]: RecordedArgument<T[K]> }
      : T;

/** What `gpu.record` gives. */
export interface RecordedStep<A extends readonly unknown[], R> {
  (...args: { [K in keyof A]: RecordedArgument<A[K]> }): R;
  /** Frees the recordings at once; otherwise the garbage collector does. The next call records again. */
  release(): void;
  /** The recordings so far. @internal */
  recordings(): readonly Recording[];
  /** What precedes each replay, for each recording. @internal @throws Error if `fn` would use other tensors now, or released ones */
  check(): void;
}

/** One recording with where its arguments go and its results lie. */
interface Entry<R> {
  readonly key: string;
  readonly recording: Recording;
  readonly inputs: InputTensors;
  /** Tensors from outside that the commands use. */
  readonly outer: readonly Tensor[];
  /** As `fn` returned it, with views of the tensors that `fn` made. */
  readonly result: R;
  /** Those views. */
  readonly own: ReadonlySet<Tensor>;
  /** Who looked on. */
  readonly spectator: Spectator | undefined;
}

const mostRecordings = 32;
const forgotten = new FinalizationRegistry<Entry<unknown>[]>((entries) => releaseAll(entries));

/** See `Gpu.record`. */
export function recordStep<A extends readonly unknown[], R>(
  gpu: Gpu,
  fn: (...args: A) => R,
): RecordedStep<A, R> {
  const entries: Entry<R>[] = [];
  let handles: Tensor[] = [];
  // Apart from the entries: modules may hold the step, which could then never be forgotten.
  const watched = new WeakMap<Entry<R>, readonly Held[]>();
  const check = (entry: Entry<R>) => {
    refuseReleased(entry.outer);
    refuseReplaced(watched.get(entry) ?? []);
  };

  const call = (...args: { [K in keyof A]: RecordedArgument<A[K]> }): R => {
    const { device } = gpu;
    device.requireAlive();
    if (device.tracing?.strict) {
      throw new Error(
        "[record] a recorded step can't be called while another is recorded; call its function there",
      );
    }
    const inputs = listInputs(gpu, args);
    if (device.tracing) return rehearse(gpu, fn, args);
    const key = `${gradientsEnabled()} ${keyOf(args)}${sharingOf(inputs)}`;
    dropStale(entries);
    let entry = entries.find((known) => known.key === key && known.recording.fits);
    // A profile wants to see the function run.
    const old = spectator.now && spectator.now !== entry?.spectator ? entry : undefined;
    const effects = old ? [] : (entry?.recording.effects ?? []);
    if (!entry || old) {
      if (!old) checkCount(entries);
      const traced = trace(gpu, fn, args, key);
      ({ entry } = traced);
      entries.push(entry);
      watched.set(entry, traced.held);
      if (old) releaseAll(entries.splice(entries.indexOf(old), 1));
    } else check(entry);
    entry.inputs.copyIn(inputs);
    entry.recording.submit();
    for (const effect of effects) effect();
    for (const { claim } of handles) {
      claim.release("the next call of its recorded step", "read it before that call");
    }
    handles = [];
    handOutGradients(entry.inputs.tensors, inputs, handles);
    return withViews(entry.result, (tensor) => entry.own.has(tensor), handles);
  };

  forgotten.register(call, entries);
  return Object.assign(call, {
    release: () => releaseAll(entries),
    recordings: () => entries.map(({ recording }) => recording),
    check: () => entries.forEach(check),
  });
}

/** What a step does in a trace that nothing of is executed, such as `precompile`'s: no more than its function. */
function rehearse<A extends readonly unknown[], R>(
  gpu: Gpu,
  fn: (...args: A) => R,
  args: readonly unknown[],
): R {
  const inputs = new InputTensors(gpu, args);
  try {
    return gpu.scope(() => runSynchronously(fn, inputs.args as A));
  } finally {
    inputs.release();
  }
}

/** Runs `fn` without executing it. The host's side of the step happens here once. */
function trace<A extends readonly unknown[], R>(
  gpu: Gpu,
  fn: (...args: A) => R,
  args: readonly unknown[],
  key: string,
): { readonly entry: Entry<R>; readonly held: readonly Held[] } {
  const { made } = Tensor;
  const inputs = new InputTensors(gpu, args);
  try {
    const {
      trace: traced,
      result: { result, own, held },
    } = gpu.device.trace(true, (commands) => {
      // What 'fn' made goes at the scope's end, but for views of what it returned: they hold no gradient.
      const views: Tensor[] = [];
      const { result, uses } = watchDuring(() =>
        gpu.scope(() => {
          const result = inputs.copyOut(runSynchronously(fn, inputs.args as A)) as R;
          return withViews(result, ({ serial }) => serial >= made, views);
        }),
      );
      const own = new Set(views.map((view) => view.keep()));
      inputs.refuseOverwritten();
      inputs.refuseAccumulated(commands.accumulated);
      const used = uses.inTrace(commands);
      refuseReplacing(used);
      return { result, own, held: used };
    });
    const outer = outerTensors(traced, made);
    const recording = new Recording(gpu.device, traced);
    const entry = { key, recording, inputs, outer, result, own, spectator: spectator.now };
    return { entry, held };
  } catch (error) {
    inputs.release();
    throw error;
  }
}

function runSynchronously<A extends readonly unknown[], R>(fn: (...args: A) => R, args: A): R {
  const value = fn(...args);
  if (value instanceof Promise) {
    value.catch(() => {}); // what it failed with, if it did, follows from not being awaited
    throw new Error("[record] 'fn' must be synchronous; return tensors and await their data outside");
  }
  return value;
}

function refuseReleased(outer: readonly Tensor[]): void {
  const released = outer.find(({ isReleased }) => isReleased);
  if (!released) return;
  const { releasedBy, advice } = released.claim;
  throw new Error(
    `[record] ${released}, which the recording uses, was released by ${releasedBy} since; ${advice}`,
  );
}

/** @throws Error if `fn` itself put another tensor in the place of one that it used */
function refuseReplacing(used: readonly Held[]): void {
  const replaced = findReplaced(used);
  if (!replaced) return;
  throw new Error(
    `[record] '${replaced.name()}' is replaced in 'fn', which replays wouldn't repeat; ` +
      "take it as an argument and return what it's to become",
  );
}

function refuseReplaced(used: readonly Held[]): void {
  const replaced = findReplaced(used);
  if (!replaced) return;
  throw new Error(
    `[record] '${replaced.name()}' was replaced since 'fn' was recorded, and the recording would use the old one; ` +
      "write into it with write() or loadStateDict() instead, or call release() on the recorded step to record anew",
  );
}

/** The result with a new view of each tensor in it that `isMade` in `fn`; the others are what they are. */
function withViews<R>(result: R, isMade: (tensor: Tensor) => boolean, views: Tensor[]): R {
  const seen = new Map<Tensor, Tensor>();
  return mapInputs(result, (value) => {
    if (!(value instanceof Tensor) || !isMade(value)) return value;
    const view = seen.get(value) ?? handleOf(value, views);
    seen.set(value, view);
    return view;
  }) as R;
}

function handleOf(tensor: Tensor, handles: Tensor[]): Tensor {
  const handle = tensor.detach();
  handles.push(handle);
  return handle;
}

/** Arguments that need a gradient get it, though `fn` saw copies. */
function handOutGradients(tensors: readonly Tensor[], inputs: readonly unknown[], handles: Tensor[]): void {
  tensors.forEach(({ grad }, k) => {
    const input = inputs[k];
    if (!grad || !(input instanceof Tensor)) return;
    input.grad = handleOf(grad, handles);
    input.gpu.scopes.tie(input.grad.claim, input.claim);
  });
}

function checkCount(entries: readonly unknown[]): void {
  if (entries.length < mostRecordings) return;
  throw new Error(
    `[record] 'fn' was called with ${mostRecordings} different shapes or values, and each takes a recording; ` +
      "pass what varies as a tensor or a typed array",
  );
}

/** Drops recordings that use memory which has moved since. */
function dropStale(entries: Entry<unknown>[]): void {
  const stale = entries.filter(({ recording }) => recording.isStale);
  for (const entry of stale) releaseAll(entries.splice(entries.indexOf(entry), 1));
}

function releaseAll(entries: Entry<unknown>[]): void {
  for (const { recording, inputs, own } of entries.splice(0)) {
    recording.release();
    inputs.release();
    for (const { claim } of own) claim.release("release() of its recorded step");
  }
}
