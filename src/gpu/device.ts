/** A WebGPU device with what all kernels share: memory, pipelines, the command stream, readback, errors. */
import { waitQuietly } from "#host";
import { describeAdapter, type GpuInfo } from "./adapter.ts";
import { BufferPool, type BufferView, type GpuBuffer, type MemoryUse } from "./buffers.ts";
import { CommandStream } from "./commands.ts";
import { Errors } from "./errors.ts";
import { describeFault, FaultWords, faultBytes } from "./faults.ts";
import { PipelineCache } from "./pipelines.ts";
import { SharedMemory } from "./shared-memory.ts";
import { StagingPool } from "./staging.ts";
import { makeTexels, type Texels } from "./texels.ts";
import { Trace, VirtualBuffer } from "./trace.ts";
import { UniformCache } from "./uniforms.ts";

/** Which configuration each kernel family uses, where the caller wants another than the adapter's own. */
export type Configurations = Readonly<Record<string, string>>;

export class Device {
  readonly raw: GPUDevice;
  readonly configurations: Configurations;
  readonly info: GpuInfo;
  readonly limits: GPUSupportedLimits;
  /** What goes wrong with the work that is given. */
  readonly errors: Errors;
  readonly pipelines: PipelineCache;
  readonly stream: CommandStream;
  readonly uniforms: UniformCache;
  /** Where kernels report mistakes that only they can see. */
  readonly faults: FaultWords;
  /** Where recordings have what they need only while they run. */
  readonly shared: SharedMemory;
  readonly #pool: BufferPool;
  readonly #staging: StagingPool;
  readonly #owned: boolean;
  #texels: Texels | undefined;
  #destroyed = false;
  #trace: Trace | undefined;

  /** @param owned whether `destroy` destroys the GPU device too, or leaves it to the application that made it */
  constructor(raw: GPUDevice, owned: boolean, configurations: Configurations = {}) {
    this.raw = raw;
    this.configurations = configurations;
    this.#owned = owned;
    this.info = describeAdapter(raw);
    this.limits = raw.limits;
    this.errors = new Errors(raw, owned);
    this.pipelines = new PipelineCache(raw, this.errors);
    this.stream = new CommandStream(raw, this.pipelines, this.errors, () => this.texels);
    this.uniforms = new UniformCache(raw, this.errors);
    this.#pool = new BufferPool(raw, this.errors);
    this.shared = new SharedMemory(
      (bytes) => this.#pool.create(bytes, "recording"),
      (buffer) => {
        this.stream.flush();
        this.#pool.destroy(buffer);
      },
    );
    this.#staging = new StagingPool(raw, this.stream, this.errors, this.info);
    this.faults = new FaultWords(() =>
      this.apart(() => {
        const words = this.allocate(faultBytes, "faults");
        this.write(words, new Uint32Array(faultBytes / 4));
        return words;
      }),
    );
  }

  get memory(): MemoryUse {
    const { use } = this.#pool;
    return { ...use, bytes: use.bytes + (this.#texels?.bytes ?? 0) };
  }

  /** Where kernels have the buffers that they read as textures, if any does. */
  get texels(): Texels | undefined {
    this.#texels ??= makeTexels(this.raw, () => this.stream.flush());
    return this.#texels;
  }

  /** @throws MemoryError that names `label` if the adapter has no buffers of `bytes` */
  requireSpace(bytes: number, label: string): void {
    this.#pool.check(bytes, label);
  }

  /** Memory for `bytes`, holding whatever it held before. Release it as soon as the last command that uses it is given. */
  allocate(bytes: number, label: string): BufferView {
    this.requireAlive();
    if (this.#trace) {
      this.#pool.check(bytes, label);
      return this.#trace.allocate(bytes, label);
    }
    return { buffer: this.#pool.acquire(bytes, label), byteOffset: 0, byteLength: bytes };
  }

  release({ buffer }: BufferView): void {
    if (buffer instanceof VirtualBuffer) {
      buffer.isReleased = true;
      if (!buffer.real) return;
    }
    const real = buffer instanceof VirtualBuffer ? buffer.real : buffer;
    if (!real) return;
    if (this.#trace) this.#trace.released.push(real);
    else this.#pool.release(real);
  }

  /** Where memory comes from. */
  get pool(): BufferPool {
    return this.#pool;
  }

  /** The trace under way, if any. */
  get tracing(): Trace | undefined {
    return this.#trace;
  }

  /**
   * Collects what `fn` would do, and does nothing of it.
   * @param strict whether `fn` must be something that can be replayed
   * The caller passes the trace to a `Recording`, or else to `settle` and `releaseDeferred`.
   */
  trace<T>(strict: boolean, fn: (trace: Trace) => T): { readonly trace: Trace; readonly result: T } {
    this.requireAlive();
    if (this.#trace) throw new Error("[gpu] a step is being traced already; traces can't be nested");
    const trace = new Trace(strict);
    try {
      const result = this.stream.redirect(trace, () => {
        this.#trace = trace;
        return fn(trace);
      });
      this.#trace = undefined;
      if (!strict) undo(trace);
      return { trace, result };
    } catch (error) {
      this.#trace = undefined;
      undo(trace);
      this.settle(trace);
      this.releaseDeferred(trace);
      throw error;
    }
  }

  /** Runs `fn` as if nothing were traced: for what is made once and outlives the trace. */
  apart<T>(fn: () => T): T {
    const trace = this.#trace;
    this.#trace = undefined;
    try {
      return this.stream.apart(fn);
    } finally {
      this.#trace = trace;
    }
  }

  /** Gives memory to what a trace allocated and left unreleased. */
  settle({ virtuals }: Trace): void {
    for (const buffer of virtuals) {
      if (!buffer.isReleased) buffer.real ??= this.#pool.acquire(buffer.size, buffer.label);
    }
  }

  /** Releases what a traced function released of the memory from before. */
  releaseDeferred({ released }: Trace): void {
    for (const buffer of released.splice(0)) this.#pool.release(buffer);
  }

  /** @throws Error that `op` can't be recorded, if that's what is going on */
  refuseWhileRecording(op: string, reason: string): void {
    if (this.#trace?.strict) throw new Error(`[${op}] can't be recorded: ${reason}`);
  }

  /** @throws Error that `op` comes too early, if commands are recorded, or profiled, and not executed yet */
  refuseEarly(op: string, reason: string): void {
    this.refuseWhileRecording(op, reason);
    if (this.stream.isDetoured)
      throw new Error(`[${op}] can't be called while gpu.profile() is under way: ${reason}`);
  }

  /** Keeps memory from being used again until `unpin`, whoever releases it. */
  pin(buffer: GpuBuffer): void {
    this.#pool.pin(buffer);
  }

  unpin(buffer: GpuBuffer): void {
    this.#pool.unpin(buffer);
  }

  /** Host to GPU, in program order with the commands given so far. A byte length that isn't a multiple of 4 is padded. */
  write(view: BufferView, data: ArrayBufferView): void {
    this.requireAlive();
    this.refuseWhileRecording("write", "host data would be the same in every replay; pass it as an argument");
    if (view.buffer instanceof VirtualBuffer && !view.buffer.real) return;
    if (this.stream.divert(view, data)) return;
    this.stream.flush();
    this.errors.watch(() => this.#write(view, data));
  }

  #write({ buffer, byteOffset }: BufferView, view: ArrayBufferView): void {
    const { queue } = this.raw;
    const data = unshared(view);
    const whole = data.byteLength & ~3;
    if (whole > 0) queue.writeBuffer(buffer.raw, byteOffset, data.buffer, data.byteOffset, whole);
    if (whole < data.byteLength) {
      const tail = new Uint8Array(4);
      tail.set(new Uint8Array(data.buffer, data.byteOffset + whole, data.byteLength - whole));
      queue.writeBuffer(buffer.raw, byteOffset + whole, tail);
    }
  }

  /** GPU to host, after all commands given so far. @throws Error if one of them failed or reported a fault */
  async read(view: BufferView): Promise<ArrayBuffer> {
    this.requireAlive();
    const faults = this.faults.existing;
    const reading = this.#staging.read(faults ? [view, faults] : [view], faults);
    const [bytes = new ArrayBuffer(0), words] = await this.errors.check(reading);
    const message = words && describeFault(words);
    if (message) throw new Error(message);
    return bytes;
  }

  /** Waits until all commands given so far are done. @throws Error if one of them failed */
  async idle(): Promise<void> {
    this.requireAlive();
    this.stream.flush();
    await this.errors.check(waitQuietly(this.raw.queue.onSubmittedWorkDone(), this.info));
  }

  /** Gives free memory back to the driver. */
  trim(): void {
    this.stream.flush();
    this.#pool.trim();
    this.#texels?.forget();
  }

  /** Frees everything. Idempotent; the process can exit. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.trim();
    if (this.#owned) this.raw.destroy();
  }

  /** @throws Error after `destroy` */
  requireAlive(): void {
    if (this.#destroyed) throw new Error("[gpu] the device was destroyed; make a new one with createGpu()");
  }
}

/** Takes back what a traced function did on the host: none of its commands ran. */
function undo(trace: Trace): void {
  for (const step of trace.undo.splice(0)) step();
}

/** The same bytes; a copy where they lie in shared memory, which Dawn doesn't take. */
function unshared({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array<ArrayBuffer> {
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer, byteOffset, byteLength);
  return new Uint8Array(new Uint8Array(buffer, byteOffset, byteLength));
}
