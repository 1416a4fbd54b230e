/**
 * The one place that every GPU command passes through, with the buffers that it reads and writes.
 *
 * Dispatches are gathered in one compute pass and submitted together: a submit costs as much as a small kernel. Passes end
 * only for copies. A `Sink` put in the stream's place receives the commands instead: that's how steps are traced.
 */
import type { BufferView } from "./buffers.ts";
import type { Errors } from "./errors.ts";
import type { Origin } from "./origin.ts";
import type { KernelSource, Pipeline, PipelineCache } from "./pipelines.ts";
import type { Resource, Texels } from "./texels.ts";
import type { UniformSlot } from "./uniforms.ts";

/** One launch of a kernel. `views` are in the order of the kernel's bindings. */
export interface Dispatch {
  readonly kernel: KernelSource;
  readonly views: readonly BufferView[];
  readonly uniform: UniformSlot | undefined;
  readonly groups: readonly [x: number, y: number];
  /** Known while somebody profiles. */
  readonly origin?: Origin;
}

/** Receives commands in program order. */
export interface Sink {
  dispatch(command: Dispatch): void;
  copy(source: BufferView, target: BufferView): void;
  clear(target: BufferView): void;
  /** Host data, in program order. Without it they're written at once. */
  write?(target: BufferView, data: ArrayBufferView): void;
}

const commandsPerSubmit = 48;
const mostBindGroups = 4096;

export class CommandStream implements Sink {
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #pending = 0;
  #bindGroups = new Map<string, GPUBindGroup>();
  #sink: Sink | undefined;
  /** Where commands go that nobody traces: a profiler's sink, or none. */
  #detour: Sink | undefined;
  /** Says on whose behalf a launch is given, while somebody profiles. */
  origin: (() => Origin) | undefined;
  readonly #device: GPUDevice;
  readonly #pipelines: PipelineCache;
  readonly #errors: Errors;
  readonly #texels: () => Texels | undefined;

  constructor(device: GPUDevice, pipelines: PipelineCache, errors: Errors, texels: () => Texels | undefined) {
    this.#device = device;
    this.#errors = errors;
    this.#pipelines = pipelines;
    this.#texels = texels;
  }

  /** Sends the commands that `fn` gives to `sink` and executes none of them. */
  redirect<T>(sink: Sink, fn: () => T): T {
    if (this.#sink !== this.#detour)
      throw new Error("[gpu] commands are being traced already; traces can't be nested");
    this.#sink = sink;
    try {
      return fn();
    } finally {
      this.#sink = this.#detour;
    }
  }

  /** Executes what `fn` gives, also within `redirect`: for what is made once and outlives a traced step. */
  apart<T>(fn: () => T): T {
    const sink = this.#sink;
    this.#sink = this.#detour;
    try {
      return fn();
    } finally {
      this.#sink = sink;
    }
  }

  /** Sends all commands from now on to `sink`, which executes them later; `undefined` ends it. */
  detour(sink: Sink | undefined): void {
    this.#detour = sink;
    this.#sink = sink;
  }

  get isDetoured(): boolean {
    return this.#detour !== undefined;
  }

  /** Executes what `fn` gives, also during a detour. */
  directly(fn: () => void): void {
    const detour = this.#detour;
    this.detour(undefined);
    try {
      fn();
    } finally {
      this.detour(detour);
    }
  }

  /** @returns whether a sink takes host data, in place of writing them now */
  divert(target: BufferView, data: ArrayBufferView): boolean {
    this.#sink?.write?.(target, data);
    return this.#sink?.write !== undefined;
  }

  /** @param timestampWrites of its pass; only directly after a flush. What it reads as texels is copied before that. */
  dispatch(command: Dispatch, timestampWrites?: GPUComputePassTimestampWrites): void {
    if (this.#sink) {
      const origin = command.origin ?? this.origin?.();
      this.#sink.dispatch(origin ? { ...command, origin } : command);
      return;
    }
    const pipeline = this.#pipelines.get(command.kernel);
    const texels = command.kernel.access.includes("texels") ? this.#texels() : undefined;
    const resources =
      texels &&
      this.#errors.watch(() => {
        texels.begin([command]);
        return texels.place(command, (...copy) => this.#copyEncoder().copyBufferToTexture(...copy));
      });
    this.#pass ??= this.#open().beginComputePass({
      label: "kernels",
      ...(timestampWrites && { timestampWrites }),
    });
    this.#pass.setPipeline(pipeline.raw);
    this.#pass.setBindGroup(0, this.#bindGroup(pipeline, command, resources ?? command.views));
    this.#pass.dispatchWorkgroups(...command.groups);
    this.#count();
  }

  /** Writes timestamps now; the next dispatch may have some, too. Only directly after a flush. */
  stamp(timestampWrites: GPUComputePassTimestampWrites): void {
    this.#open().beginComputePass({ timestampWrites }).end();
  }

  /** Copies the bytes of `source` to the start of `target`. */
  copy(source: BufferView, target: BufferView): void {
    if (this.#sink) {
      this.#sink.copy(source, target);
      return;
    }
    this.#copyEncoder().copyBufferToBuffer(
      source.buffer.raw,
      source.byteOffset,
      target.buffer.raw,
      target.byteOffset,
      Math.ceil(source.byteLength / 4) * 4,
    );
    this.#count();
  }

  /** Sets the bytes of `target` to zero. */
  clear(target: BufferView): void {
    if (this.#sink) {
      this.#sink.clear(target);
      return;
    }
    this.#copyEncoder().clearBuffer(
      target.buffer.raw,
      target.byteOffset,
      Math.ceil(target.byteLength / 4) * 4,
    );
    this.#count();
  }

  /** Copies to a buffer made for mapping, also during a detour, and leaves zeros behind if the source is to be emptied. */
  copyOut(source: BufferView, target: GPUBuffer, targetOffset: number, isEmptied: boolean): void {
    const bytes = Math.ceil(source.byteLength / 4) * 4;
    const { raw } = source.buffer;
    const encoder = this.#copyEncoder();
    encoder.copyBufferToBuffer(raw, source.byteOffset, target, targetOffset, bytes);
    if (isEmptied) encoder.clearBuffer(raw, source.byteOffset, bytes);
  }

  /** Submits what was encoded so far. */
  flush(): void {
    this.#pass?.end();
    this.#pass = undefined;
    const encoder = this.#encoder;
    if (encoder) this.#errors.watch(() => this.#device.queue.submit([encoder.finish()]));
    this.#encoder = undefined;
    this.#pending = 0;
  }

  #open(): GPUCommandEncoder {
    this.#encoder ??= this.#device.createCommandEncoder({ label: "wgrad" });
    return this.#encoder;
  }

  #copyEncoder(): GPUCommandEncoder {
    this.#pass?.end();
    this.#pass = undefined;
    return this.#open();
  }

  #count(): void {
    this.#pending += 1;
    if (this.#pending >= commandsPerSubmit) this.flush();
  }

  #bindGroup(
    { id, layout }: Pipeline,
    { kernel, views, uniform }: Dispatch,
    resources: readonly Resource[],
  ): GPUBindGroup {
    let key = `${id}:${uniform?.id ?? ""}`;
    for (const { buffer, byteOffset, byteLength } of resources)
      key += `,${buffer.id}+${byteOffset}+${byteLength}`;
    const known = this.#bindGroups.get(key);
    if (known) return known;
    checkAliases(kernel, views);
    const entries = bindGroupEntries(resources, uniform);
    const { label } = kernel;
    const bindGroup = this.#errors.watch(() => this.#device.createBindGroup({ label, layout, entries }));
    if (this.#bindGroups.size >= mostBindGroups) this.#bindGroups.clear();
    this.#bindGroups.set(key, bindGroup);
    return bindGroup;
  }
}

/** A launch's bindings: its views and textures in order, then its parameters. */
export function bindGroupEntries(
  resources: readonly Resource[],
  uniform: UniformSlot | undefined,
): GPUBindGroupEntry[] {
  const entries: GPUBindGroupEntry[] = resources.map(
    ({ buffer, byteOffset, byteLength, texture }, binding) => ({
      binding,
      resource: texture ?? {
        buffer: buffer.raw,
        offset: byteOffset,
        size: Math.max(16, Math.ceil(byteLength / 16) * 16),
      },
    }),
  );
  if (uniform) {
    entries.push({
      binding: resources.length,
      resource: { buffer: uniform.raw, offset: uniform.offset, size: 256 },
    });
  }
  return entries;
}

/** WebGPU drops all commands of a submit in which a launch breaks this rule, and its message doesn't say which one did. */
export function checkAliases({ label, access }: KernelSource, views: readonly BufferView[]): void {
  views.forEach((writable, k) => {
    if (access[k] === "read" || access[k] === "texels") return;
    views.forEach((other, j) => {
      if (j === k || access[j] === "texels" || other.buffer !== writable.buffer) return;
      const apart =
        other.byteOffset + other.byteLength <= writable.byteOffset ||
        writable.byteOffset + writable.byteLength <= other.byteOffset;
      if (apart && access[j] !== "read") return;
      throw new Error(
        `[${label}] writes binding ${k} to the buffer that binding ${j} ${access[j] === "read" ? "reads" : "writes"} ` +
          "too; a launch may only read a buffer, or only write it at ranges apart: copy one of them first",
      );
    });
  });
}
