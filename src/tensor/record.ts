/**
 * `gpu.record`: a function of tensors as a function that replays its commands.
 *
 * Arguments are copied into tensors that the recording owns. Binding the caller's buffers instead would mean new bind groups for
 * every new buffer, and a copy of a batch is a thousandth of a step.
 */
import { Recording } from "../gpu/recording.ts";
import { VirtualBuffer } from "../gpu/trace.ts";
import type { Gpu } from "./gpu.ts";
import { InputTensors, keyOf, listInputs, mapInputs } from "./record-arguments.ts";
import { gradientsEnabled } from "./tape.ts";
import { type HostArray, Tensor } from "./tensor.ts";

/** What a recorded step takes where `fn` takes T: arrays may stand for tensors. */
export type RecordedArgument<T> = T extends Tensor
  ? T | HostArray
  : T extends HostArray | ((...args: never[]) => unknown)
    ? T
    : T extends object
      ? { readonly [K in keyof T]: RecordedArgument<T[K]> }
      : T;

export interface RecordedStep<A extends readonly unknown[], R> {
  (...args: { [K in keyof A]: RecordedArgument<A[K]> }): R;
  /** Frees the recordings at once; otherwise the garbage collector does. The next call records again. */
  release(): void;
  /** The recordings so far. @internal */
  recordings(): readonly Recording[];
}

/** One recording with where its arguments go and its results lie. */
interface Entry<R> {
  readonly key: string;
  readonly recording: Recording;
  readonly inputs: InputTensors;
  /** As `fn` returned it. */
  readonly result: R;
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

  const call = (...args: { [K in keyof A]: RecordedArgument<A[K]> }): R => {
    const { device } = gpu;
    device.requireAlive();
    if (device.tracing?.strict) {
      throw new Error(
        "[record] a recorded step can't be called while another is recorded; call its function there",
      );
    }
    const inputs = listInputs(gpu, args);
    const key = `${gradientsEnabled()} ${keyOf(args)}`;
    dropStale(entries);
    let entry = entries.find((known) => known.key === key && known.recording.fits);
    const effects = entry?.recording.effects ?? [];
    if (!entry) {
      checkCount(entries);
      entry = trace(gpu, fn, args, key);
      entries.push(entry);
    }
    entry.inputs.copyIn(inputs);
    entry.recording.submit();
    for (const effect of effects) effect();
    for (const { claim } of handles) {
      claim.release("the next call of its recorded step", "read it before that call");
    }
    handles = [];
    handOutGradients(entry.inputs.tensors, inputs, handles);
    return replaceResults(entry.result, new Set(entry.inputs.tensors), handles);
  };

  forgotten.register(call, entries);
  return Object.assign(call, {
    release: () => releaseAll(entries),
    recordings: () => entries.map(({ recording }) => recording),
  });
}

/** Runs `fn` without executing it. The host's side of the step happens here once. */
function trace<A extends readonly unknown[], R>(
  gpu: Gpu,
  fn: (...args: A) => R,
  args: readonly unknown[],
  key: string,
): Entry<R> {
  const inputs = new InputTensors(gpu, args);
  try {
    const { trace: traced, result } = gpu.device.trace(true, () =>
      gpu.scope(() => {
        const value = fn(...(inputs.args as A));
        if (value instanceof Promise) {
          value.catch(() => {}); // what it failed with, if it did, follows from not being awaited
          throw new Error("[record] 'fn' must be synchronous; return tensors and await their data outside");
        }
        return value;
      }),
    );
    // A scope around the call mustn't free them.
    mapInputs(result, (value) => (value instanceof Tensor && isOwn(value) ? value.keep() : value));
    const recording = new Recording(gpu.device, traced);
    inputs.refuseOverwritten();
    return { key, recording, inputs, result };
  } catch (error) {
    inputs.release();
    throw error;
  }
}

function isOwn(tensor: Tensor): boolean {
  return tensor.buffer instanceof VirtualBuffer;
}

/** The result with tensors of its own for this call; those that were there before `fn` are what they are. */
function replaceResults<R>(result: R, inputs: ReadonlySet<Tensor>, handles: Tensor[]): R {
  const seen = new Map<Tensor, Tensor>();
  return mapInputs(result, (value) => {
    if (!(value instanceof Tensor) || !(isOwn(value) || inputs.has(value))) return value;
    const handle = seen.get(value) ?? handleOf(value, handles);
    seen.set(value, handle);
    return handle;
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
    if (grad && input instanceof Tensor) input.grad = handleOf(grad, handles);
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
  for (const { recording, inputs, result } of entries.splice(0)) {
    recording.release();
    inputs.release();
    mapInputs(result, (value) => {
      if (value instanceof Tensor && isOwn(value)) value.claim.release("release() of its recorded step");
      return value;
    });
  }
}
