/**
 * Where a step's time goes, by kernel and by module.
 *
 * The step is traced, then its commands run one by one, each dispatch in a pass of its own between two timestamps. Where the
 * adapter has no timestamps, the host waits for each dispatch and the wait of an empty one is taken off.
 */
import type { nn, Tensor } from "wgrad";
import type { BufferView } from "../src/gpu/buffers.ts";
import { bindGroupEntries, type Dispatch, type Sink } from "../src/gpu/commands.ts";
import type { Device } from "../src/gpu/device.ts";
import { medianOf } from "./timing.ts";

export interface Timing {
  readonly kernel: string;
  /** The module that the launch belongs to, forward or backward. */
  readonly path: string;
  readonly ms: number;
}

type Command =
  | { readonly type: "dispatch"; readonly dispatch: Dispatch; readonly path: string }
  | { readonly type: "copy"; readonly source: BufferView; readonly target: BufferView }
  | { readonly type: "clear"; readonly target: BufferView };

/** Knows which module is running, in forward and in backward. */
export class ModulePaths {
  #current = "";
  readonly #known = new WeakSet<object>();

  get current(): string {
    return this.#current;
  }

  /** Runs `fn` under a name of its own, such as that of the loss. */
  at<T>(path: string, fn: () => T): T {
    const outer = this.#current;
    this.#current = path;
    try {
      return fn();
    } finally {
      this.#current = outer;
    }
  }

  /** Wraps the forward of each module. What it puts on the tape carries its path to the backward pass. */
  watch(model: nn.Module): void {
    for (const [path, module] of model.namedModules()) {
      const forward: unknown = Reflect.get(module, "forward");
      if (typeof forward !== "function") continue;
      const watched = (...inputs: unknown[]) =>
        this.at(path, () => {
          const output: unknown = Reflect.apply(forward, module, inputs);
          if (isTensor(output)) this.#claim(output, path);
          return output;
        });
      Reflect.set(module, "forward", watched);
    }
  }

  /** Names the entries behind `output` that no inner module has named. */
  #claim(output: Tensor, path: string): void {
    const left = [output];
    for (let tensor = left.pop(); tensor; tensor = left.pop()) {
      const { entry } = tensor;
      if (!entry || this.#known.has(entry)) continue;
      this.#known.add(entry);
      left.push(...entry.inputs);
      const { backward } = entry;
      if (backward) entry.backward = (dy, gradients) => this.at(path, () => backward(dy, gradients));
    }
  }
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "entry" in value;
}

/** Traces `step` and times each of its dispatches. The step runs once in all. */
export async function profileStep(device: Device, paths: ModulePaths, step: () => void): Promise<Timing[]> {
  const commands: Command[] = [];
  const sink: Sink = {
    dispatch: (dispatch) => {
      const views = dispatch.views.map(frozen);
      commands.push({ type: "dispatch", dispatch: { ...dispatch, views }, path: paths.current });
    },
    copy: (source, target) => commands.push({ type: "copy", source: frozen(source), target: frozen(target) }),
    clear: (target) => commands.push({ type: "clear", target: frozen(target) }),
  };
  device.stream.redirect(sink, step);
  return device.raw.features.has("timestamp-query")
    ? timeByTimestamps(device, commands)
    : timeByWaiting(device, commands);
}

/** Where a view lies. The view may be a tensor, which is gone when its commands run. */
function frozen({ buffer, byteOffset, byteLength }: BufferView): BufferView {
  return { buffer, byteOffset, byteLength };
}

async function timeByTimestamps(device: Device, commands: readonly Command[]): Promise<Timing[]> {
  const { raw } = device;
  const launches = commands.filter((command) => command.type === "dispatch");
  const count = 2 * launches.length;
  const querySet = raw.createQuerySet({ label: "profile", type: "timestamp", count });
  const stamps = device.allocate(8 * count, "profile");
  let index = 0;
  for (const command of commands) {
    if (command.type !== "dispatch") {
      runCopy(device, command);
      device.stream.flush();
      continue;
    }
    const encoder = raw.createCommandEncoder({ label: "profile" });
    const pass = encoder.beginComputePass({
      label: command.dispatch.kernel.label,
      timestampWrites: { querySet, beginningOfPassWriteIndex: index, endOfPassWriteIndex: index + 1 },
    });
    encode(device, pass, command.dispatch);
    pass.end();
    raw.queue.submit([encoder.finish()]);
    index += 2;
  }
  const resolve = raw.createBuffer({ label: "profile", size: 8 * count, usage: resolvable });
  const encoder = raw.createCommandEncoder({ label: "profile" });
  encoder.resolveQuerySet(querySet, 0, count, resolve, 0);
  encoder.copyBufferToBuffer(resolve, 0, stamps.buffer.raw, stamps.byteOffset, 8 * count);
  raw.queue.submit([encoder.finish()]);
  const times = new BigUint64Array(await device.read(stamps));
  device.release(stamps);
  resolve.destroy();
  querySet.destroy();
  return launches.map(({ dispatch, path }, k) => ({
    kernel: dispatch.kernel.label,
    path,
    ms: Number((times[2 * k + 1] ?? 0n) - (times[2 * k] ?? 0n)) / 1e6,
  }));
}

// GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC; Node has no global of that name.
const resolvable = 0x200 | 0x4;

function encode(
  device: Device,
  pass: GPUComputePassEncoder,
  { kernel, views, uniform, groups }: Dispatch,
): void {
  const pipeline = device.pipelines.get(kernel);
  const entries = bindGroupEntries(views, uniform);
  pass.setPipeline(pipeline.raw);
  pass.setBindGroup(0, device.raw.createBindGroup({ label: kernel.label, layout: pipeline.layout, entries }));
  pass.dispatchWorkgroups(...groups);
}

async function timeByWaiting(device: Device, commands: readonly Command[]): Promise<Timing[]> {
  const empty: number[] = [];
  for (let k = 0; k < 9; k++) empty.push(await wait(device));
  const overhead = medianOf(empty);
  const timings: Timing[] = [];
  for (const command of commands) {
    if (command.type !== "dispatch") {
      runCopy(device, command);
      continue;
    }
    await device.idle();
    const { dispatch, path } = command;
    const start = performance.now();
    device.stream.dispatch(dispatch);
    await device.idle();
    timings.push({
      kernel: dispatch.kernel.label,
      path,
      ms: Math.max(0, performance.now() - start - overhead),
    });
  }
  return timings;
}

async function wait(device: Device): Promise<number> {
  const start = performance.now();
  await device.idle();
  return performance.now() - start;
}

function runCopy(device: Device, command: Exclude<Command, { type: "dispatch" }>): void {
  if (command.type === "copy") device.stream.copy(command.source, command.target);
  else device.stream.clear(command.target);
}

/** Total milliseconds by a key, largest first. */
export function totals(
  timings: readonly Timing[],
  key: (timing: Timing) => string,
): [string, number, number][] {
  const sums = new Map<string, [ms: number, launches: number]>();
  for (const timing of timings) {
    const [ms, launches] = sums.get(key(timing)) ?? [0, 0];
    sums.set(key(timing), [ms + timing.ms, launches + 1]);
  }
  return [...sums]
    .map(([name, [ms, launches]]): [string, number, number] => [name, ms, launches])
    .sort(([, a], [, b]) => b - a);
}
