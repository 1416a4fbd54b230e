/** A training run as a snapshot, and back: parameters, statistics, optimiser, random streams, data position, log, kernels. */
import { configurationsInUse } from "../kernels/configuration.ts";
import type { Module } from "../nn/module.ts";
import type { Optimizer, OptimizerSettings } from "../nn/optim/index.ts";
import type { StateDict, StateValues } from "../nn/state.ts";
import type { Gpu } from "../tensor/gpu.ts";
import type { RngState } from "../tensor/rng.ts";
import { type Shape, sizeOf } from "../tensor/shape.ts";
import { type Json, type SnapshotArray, type SnapshotContent, SnapshotError } from "./snapshot.ts";
import { isTrainState, type TrainState } from "./state.ts";

/** What a run consists of. */
export interface Run {
  readonly model: Module;
  readonly optimizer: Optimizer;
}

/** What a snapshot says beside its arrays. */
export interface CheckpointInfo {
  readonly state: TrainState;
  /** Kernel configurations that ran: give them to `createGpu`, for the same bits. */
  readonly configurations: Readonly<Record<string, string>>;
  /** Whatever the application gave. */
  readonly settings: unknown;
}

interface Meta {
  readonly kind: "training";
  /** Milliseconds since 1970: tells which snapshot of a folder is the newest. Missing in files of earlier days. */
  readonly savedAt?: number;
  readonly state: TrainState;
  readonly configurations: Readonly<Record<string, string>>;
  readonly settings: unknown;
  readonly optimizer: OptimizerSettings;
  readonly streams: Readonly<Record<string, RngState>>;
  readonly shapes: Readonly<Record<string, Shape>>;
}

/** When the newest snapshot that is known here was saved: a clock that's set back mustn't make a later one look older. */
let lastSaved = 0;

/**
 * A run as it is now, bit for bit. Waits for the GPU.
 * @param state from `onEpoch` or the result of `fit`
 * @param settings what the application needs to make model and optimiser anew
 */
export async function captureRun(
  gpu: Gpu,
  { model, optimizer }: Run,
  state: TrainState,
  settings: Json = null,
): Promise<SnapshotContent> {
  const { settings: optimizerSettings, tensors } = optimizer.stateDict();
  const named = [...prefixed("model/", model.stateDict()), ...prefixed("optimizer/", tensors)];
  const arrays = await Promise.all(
    named.map(
      async ([name, tensor]): Promise<[string, SnapshotArray]> => [name, await tensor.data<SnapshotArray>()],
    ),
  );
  const streams = await Promise.all(
    model.namedStreams().map(async ([path, stream]) => [path, await stream.state()] as const),
  );
  lastSaved = Math.max(Date.now(), lastSaved + 1);
  const meta: Meta = {
    kind: "training",
    savedAt: lastSaved,
    state,
    configurations: configurationsInUse(gpu.device),
    settings,
    optimizer: optimizerSettings,
    streams: Object.fromEntries(streams),
    shapes: Object.fromEntries(named.map(([name, { shape }]) => [name, shape])),
  };
  return { meta: JSON.parse(JSON.stringify(meta)), arrays: new Map(arrays) };
}

/** What a snapshot says about its run: read before a GPU is opened. @throws SnapshotError if it holds no run */
export function describeRun({ meta }: SnapshotContent): CheckpointInfo {
  return asMeta(meta);
}

/**
 * Puts a model, and an optimiser if given, where the run was.
 * @throws Error that says what doesn't fit
 */
export function restoreRun(
  snapshot: SnapshotContent,
  { model, optimizer }: { readonly model: Module; readonly optimizer?: Optimizer },
): void {
  const meta = asMeta(snapshot.meta);
  model.loadStateDict(valuesOf(snapshot, meta, "model/"));
  if (!optimizer) return;
  lastSaved = Math.max(lastSaved, meta.savedAt ?? 0);
  optimizer.loadStateDict({ settings: meta.optimizer, tensors: valuesOf(snapshot, meta, "optimizer/") });
  for (const [path, stream] of model.namedStreams()) {
    const state = meta.streams[path];
    if (!state)
      throw new SnapshotError(`[snapshot] the snapshot lacks the random stream '${path}' of the model`);
    stream.restore(state);
  }
}

function prefixed(prefix: string, tensors: Readonly<StateDict>) {
  return Object.entries(tensors).map(([name, tensor]) => [`${prefix}${name}`, tensor] as const);
}

function valuesOf({ arrays }: SnapshotContent, { shapes }: Meta, prefix: string): StateValues {
  const chosen = [...arrays].filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(
    chosen.map(([name, data]) => [name.slice(prefix.length), { shape: shapes[name] ?? [data.length], data }]),
  );
}

function asMeta(meta: unknown): Meta {
  if (isMeta(meta)) return meta;
  throw new SnapshotError("[snapshot] the snapshot holds no training run");
}

function isMeta(meta: unknown): meta is Meta {
  if (typeof meta !== "object" || meta === null) return false;
  const fields: Partial<Record<keyof Meta, unknown>> = meta;
  const { kind, state, configurations, optimizer, streams, shapes } = fields;
  if (kind !== "training" || !isTrainState(state)) return false;
  if (![configurations, optimizer, streams].every((part) => typeof part === "object" && part !== null))
    return false;
  return (
    typeof shapes === "object" &&
    shapes !== null &&
    Object.values(shapes).every((shape) => Array.isArray(shape) && Number.isSafeInteger(sizeOf(shape)))
  );
}
