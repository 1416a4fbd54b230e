/**
 * A traced step made ready: memory planned, pipelines and bind groups made once, so that a replay only encodes.
 *
 * Dispatches go into one compute pass a submit; only copies end a pass. How long a submit takes is measured at the first two
 * replays, which send short ones (in the first, a driver may still compile); from then on neighbours are joined as long as they stay
 * below a set time, so that a watchdog doesn't take the step for a hang. Memory from before the trace is bound where it lies, and kept while the recording lives.
 */
import { waitQuietly } from "#host";
import type { BufferView, GpuBuffer } from "./buffers.ts";
import { bindGroupEntries, checkAliases, type Sink } from "./commands.ts";
import type { Device } from "./device.ts";
import { type Lifetime, peakBytes, planMemory, total } from "./memory-plan.ts";
import { type Command, type Trace, VirtualBuffer, viewsOf } from "./trace.ts";

/** What a recording's own memory takes: memory from before the trace isn't counted. */
export interface RecordingMemory {
  /** Bytes of the buffers that it needs; other recordings may use them too. */
  readonly plannedBytes: number;
  /** The largest sum of what is in use at one moment. */
  readonly peakBytes: number;
  /** The sum of everything that the trace allocated and used. */
  readonly totalBytes: number;
  readonly buffers: number;
}

const firstCommandsPerSubmit = 24;
const measuredReplays = 2;
const mostMilliseconds = 250;

type Step = (target: Encoding) => void;

/** Neighbouring commands, sent together, and how long they take. */
interface Section {
  readonly from: number;
  readonly to: number;
  readonly milliseconds: number;
}

export class Recording {
  readonly memory: RecordingMemory;
  readonly #device: Device;
  readonly #trace: Trace;
  readonly #steps: readonly Step[];
  readonly #borrowed: readonly GpuBuffer[];
  readonly #pinned: ReadonlySet<GpuBuffer>;
  readonly #giveTexelsBack: (() => void) | undefined;
  /** Short ones, to be measured. */
  readonly #pieces: readonly Section[];
  #sections: readonly Section[];
  #replays = 0;
  #released = false;

  constructor(device: Device, trace: Trace) {
    this.#device = device;
    this.#trace = trace;
    const { commands } = trace;
    const uses = lifetimesOf(trace);
    const shared = [...uses].filter(([{ isReleased }]) => isReleased);
    const plan = planMemory(shared.map(([, lifetime]) => lifetime));
    this.#borrowed = device.shared.borrow(plan.sizes);
    shared.forEach(([buffer], index) => {
      const place = plan.places[index];
      buffer.real = this.#borrowed[place?.slot ?? 0];
      buffer.base = place?.byteOffset ?? 0;
    });
    device.settle(trace);
    this.memory = describeMemory(uses, plan.sizes);
    const launches = commands.flatMap((command) =>
      command.kind === "dispatch" ? [{ kernel: command.kernel, views: command.views.map(locate) }] : [],
    );
    this.#steps = device.errors.watch(() => {
      device.texels?.begin(launches);
      return commands.map((command) => prepare(device, command));
    });
    this.#giveTexelsBack = device.texels?.hold(launches);
    this.#pinned = new Set(
      commands.flatMap(viewsOf).flatMap(({ buffer }) => {
        const real = buffer instanceof VirtualBuffer ? buffer.real : buffer;
        return real && !this.#borrowed.includes(real) ? [real] : [];
      }),
    );
    for (const buffer of this.#pinned) device.pin(buffer);
    device.releaseDeferred(trace);
    this.#pieces = cut(0, commands.length, Math.ceil(commands.length / firstCommandsPerSubmit), 0);
    this.#sections = this.#pieces;
  }

  /** How many submits a replay makes. */
  get submits(): number {
    return this.#sections.length;
  }
  get commands(): number {
    return this.#steps.length;
  }

  /** Whether memory that it uses was moved since: then it can never run again. */
  get isStale(): boolean {
    for (const [source, place] of this.#trace.places) {
      if (source.buffer !== place.buffer || source.byteOffset !== place.byteOffset) return true;
    }
    return false;
  }

  /** Whether what the trace took for granted holds now. */
  get fits(): boolean {
    return this.#trace.assumptions.every((holds) => holds());
  }

  /** What the traced function did on the host: to be done again with each replay but the first. */
  get effects(): readonly (() => void)[] {
    return this.#trace.effects;
  }

  /** Gives the commands to the GPU once more. */
  submit(): void {
    const { stream } = this.#device;
    if (stream.isDetoured) {
      for (const command of this.#trace.commands) giveTo(stream, command);
      return;
    }
    stream.flush();
    const isMeasured = this.#replays < measuredReplays;
    this.#replays += 1;
    const times = isMeasured ? [this.#doneAt()] : []; // the first says when the work before is done
    for (const section of isMeasured ? this.#pieces : this.#sections) {
      this.#device.errors.watch(() => this.#device.raw.queue.submit([this.#encode(section)]));
      if (isMeasured) times.push(this.#doneAt());
    }
    if (isMeasured) this.#join(times);
  }

  /** What a replay submits, for measuring what encoding costs. */
  encode(): GPUCommandBuffer[] {
    return this.#sections.map((section) => this.#encode(section));
  }

  #encode({ from, to }: Section): GPUCommandBuffer {
    const encoding = new Encoding(this.#device.raw);
    for (let k = from; k < to; k++) this.#steps[k]?.(encoding);
    return encoding.encoder().finish();
  }

  /** Gives its memory back, save what results and gradients still use. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#device.shared.giveBack(this.#borrowed);
    this.#giveTexelsBack?.();
    for (const buffer of this.#pinned) this.#device.unpin(buffer);
  }

  async #doneAt(): Promise<number> {
    const { raw, info } = this.#device;
    await waitQuietly(raw.queue.onSubmittedWorkDone(), info);
    return performance.now();
  }

  /** Joins sections once their times are known. */
  #join(times: readonly Promise<number>[]): void {
    const joined = Promise.all(times).then(([began = 0, ...ends]) => {
      const timed = this.#pieces.map(({ from, to }, k) => {
        const milliseconds = (ends[k] ?? began) - (ends[k - 1] ?? began);
        return { from, to, milliseconds };
      });
      this.#sections = joinSections(timed, mostMilliseconds);
    });
    joined.catch(() => {}); // a device that was lost or destroyed is reported by the next wait
  }
}

/** Sections that take about `most` milliseconds or less: long ones are split evenly, short neighbours joined. */
export function joinSections(sections: readonly Section[], most: number): Section[] {
  const pieces = sections.flatMap(({ from, to, milliseconds }) =>
    cut(from, to, Math.min(to - from, Math.ceil(milliseconds / most) || 1), milliseconds),
  );
  const joined: Section[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (last && last.milliseconds + piece.milliseconds <= most) {
      const milliseconds = last.milliseconds + piece.milliseconds;
      joined[joined.length - 1] = { from: last.from, to: piece.to, milliseconds };
    } else joined.push(piece);
  }
  return joined;
}

function cut(from: number, to: number, pieces: number, milliseconds: number): Section[] {
  return Array.from({ length: pieces }, (_, k) => ({
    from: from + Math.floor(((to - from) * k) / pieces),
    to: from + Math.floor(((to - from) * (k + 1)) / pieces),
    milliseconds: milliseconds / pieces,
  }));
}

interface Use extends Lifetime {
  last: number;
  readonly partners: Set<Use>;
}

/** The lifetimes of what a trace allocated; what it left unreleased lives throughout. */
export function lifetimesOf({ commands, virtuals }: Trace): Map<VirtualBuffer, Lifetime> {
  const own = new Set(virtuals);
  const uses = new Map<VirtualBuffer, Use>();
  commands.forEach((command, at) => {
    const named: Use[] = [];
    for (const { buffer } of viewsOf(command)) {
      if (!(buffer instanceof VirtualBuffer && own.has(buffer))) continue;
      const isLasting = !buffer.isReleased;
      const first = isLasting ? 0 : at;
      const use = uses.get(buffer) ?? { bytes: buffer.size, first, last: at, partners: new Set<Use>() };
      use.last = isLasting ? commands.length : at;
      uses.set(buffer, use);
      named.push(use);
    }
    for (const use of named) for (const other of named) if (other !== use) use.partners.add(other);
  });
  return uses;
}

function describeMemory(
  uses: ReadonlyMap<VirtualBuffer, Lifetime>,
  sizes: readonly number[],
): RecordingMemory {
  const lasting = [...uses.keys()].filter(({ isReleased }) => !isReleased).map(({ real }) => real?.size ?? 0);
  const lifetimes = [...uses.values()];
  return {
    plannedBytes: total(sizes) + total(lasting),
    peakBytes: peakBytes(lifetimes),
    totalBytes: total(lifetimes.map(({ bytes }) => bytes)),
    buffers: sizes.length + lasting.length,
  };
}

/** A view in terms of real memory. */
function locate(view: BufferView): BufferView {
  const { buffer, byteOffset, byteLength } = view;
  if (!(buffer instanceof VirtualBuffer && buffer.real)) return view;
  return { buffer: buffer.real, byteOffset: buffer.base + byteOffset, byteLength };
}

/** Gives a command to whoever executes it later. What its memory was traced as stands beside where that lies. */
function giveTo(sink: Sink, command: Command): void {
  const placed = (view: BufferView) => ({ ...locate(view), storage: view });
  if (command.kind === "dispatch") sink.dispatch({ ...command, views: command.views.map(placed) });
  else if (command.kind === "copy") sink.copy(placed(command.source), placed(command.target));
  else sink.clear(placed(command.target));
}

function prepare(device: Device, command: Command): Step {
  if (command.kind === "clear") {
    const { buffer, byteOffset, byteLength } = locate(command.target);
    const { raw } = buffer;
    device.texels?.wrote(locate(command.target));
    return (target) => target.encoder().clearBuffer(raw, byteOffset, Math.ceil(byteLength / 4) * 4);
  }
  if (command.kind === "copy") {
    const [source, to] = [locate(command.source), locate(command.target)];
    const [from, into] = [source.buffer.raw, to.buffer.raw];
    const bytes = Math.ceil(source.byteLength / 4) * 4;
    device.texels?.wrote(to);
    return (target) =>
      target.encoder().copyBufferToBuffer(from, source.byteOffset, into, to.byteOffset, bytes);
  }
  const { kernel, uniform, groups } = command;
  const views = command.views.map(locate);
  checkAliases(kernel, views);
  const { raw, layout } = device.pipelines.get(kernel);
  const copies: Step[] = [];
  const resources = device.texels?.place({ kernel, views }, (...copy) =>
    copies.push((target) => target.encoder().copyBufferToTexture(...copy)),
  );
  const entries = bindGroupEntries(resources ?? views, uniform);
  const bindGroup = device.raw.createBindGroup({ label: kernel.label, layout, entries });
  const [x, y] = groups;
  return (target) => {
    for (const copy of copies) copy(target);
    target.dispatch(raw, bindGroup, x, y);
  };
}

/** One command buffer being written. */
class Encoding {
  readonly #encoder: GPUCommandEncoder;
  #pass: GPUComputePassEncoder | undefined;
  #pipeline: GPUComputePipeline | undefined;

  constructor(device: GPUDevice) {
    this.#encoder = device.createCommandEncoder({ label: "recording" });
  }

  dispatch(pipeline: GPUComputePipeline, bindGroup: GPUBindGroup, x: number, y: number): void {
    this.#pass ??= this.#encoder.beginComputePass({ label: "recording" });
    if (pipeline !== this.#pipeline) this.#pass.setPipeline(pipeline);
    this.#pipeline = pipeline;
    this.#pass.setBindGroup(0, bindGroup);
    this.#pass.dispatchWorkgroups(x, y);
  }

  /** The encoder, outside any pass. */
  encoder(): GPUCommandEncoder {
    this.#pass?.end();
    this.#pass = undefined;
    this.#pipeline = undefined;
    return this.#encoder;
  }
}
