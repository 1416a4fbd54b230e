/** `createGpu` and the public `Gpu`: the device with what makes tensors on it. */
import { type GpuInfo, openDevice } from "../gpu/adapter.ts";
import type { MemoryUse } from "../gpu/buffers.ts";
import { type Configurations, Device } from "../gpu/device.ts";
import { type CompileProgress, compileKernels, precompile } from "../gpu/precompile.ts";
import { checkFamilies } from "../kernels/configuration.ts";
import { fill } from "../kernels/elementwise.ts";
import { loadKernels } from "../kernels/loading.ts";
import { findNoNumber, kindOf, requireOptions } from "./kind.ts";
import { LossShelf } from "./loss-shelf.ts";
import { checkNumerics } from "./numerics.ts";
import type { Profile } from "./profile/profile.ts";
import type { ProfileOptions } from "./profile/profiler.ts";
import { type RecordedStep, recordStep } from "./record.ts";
import { Rng } from "./rng.ts";
import { ScopeStack } from "./scopes.ts";
import { checkShape, formatShape, type Shape, sizeOf } from "./shape.ts";
import { spectator } from "./spectator.ts";
import { Storage } from "./storage.ts";
import { whereabouts } from "./tape.ts";
import { type DType, type HostData, quads, Tensor, type TensorOptions } from "./tensor.ts";

/** Which device `createGpu` opens. */
export interface GpuOptions {
  /** A device that the application made; `destroy()` leaves it alone. Without it the default adapter is opened. */
  readonly device?: GPUDevice;
  readonly powerPreference?: GPUPowerPreference;
  /** In Node: a part of the name of the adapter to open, in upper or lower case; `listAdapters()` of `wgrad/node` has the names. */
  readonly adapter?: string | undefined;
  /** Kernel configurations by family, such as `{ gemm: "plain" }`, in place of the adapter's own. */
  readonly configurations?: Configurations;
}

/**
 * Opens a GPU.
 * @throws NoAdapterError, which says what to install, where there is no adapter; Error that names the adapters where none has the wanted name, or for
 * configurations of a family that has none
 */
export async function createGpu(options: GpuOptions = {}): Promise<Gpu> {
  const { powerPreference = "high-performance", adapter, configurations = {} } = options;
  checkFamilies(configurations);
  const raw = options.device ?? (await openDevice({ powerPreference, adapter }));
  const device = new Device(raw, options.device === undefined, configurations);
  await loadKernels(device);
  return new Gpu(device);
}

/** A device with what makes tensors on it. Make one with `createGpu`. */
export class Gpu {
  /** The layer below, for kernels of one's own. */
  readonly device: Device;
  /** @internal */
  readonly scopes = new ScopeStack();
  /** @internal */
  readonly losses: LossShelf;
  #one: Storage | undefined;

  /** @internal Users call `createGpu`. */
  constructor(device: Device) {
    this.device = device;
    this.losses = new LossShelf(device);
  }

  get info(): GpuInfo {
    return this.device.info;
  }

  /** Buffers and bytes that exist on the GPU now. */
  get memory(): MemoryUse {
    return this.device.memory;
  }

  /**
   * A tensor from host data, row-major. Int32Array gives i32, Uint32Array u32, everything else f32: values are converted, also bytes.
   *
   * It's a leaf: `backward()` leaves it. A loop that makes one each step does so in a `scope`, or its memory waits for the garbage collector.
   * @param shape `[data.length]` by default
   * @throws Error if the shape has another number of elements than the data, or those are no numbers
   */
  tensor(
    data: HostData | ArrayLike<number>,
    shape: Shape = [data?.length],
    options: TensorOptions = {},
  ): Tensor {
    if (typeof data?.length !== "number")
      throw new Error(`[tensor] 'data' must be an array, but got ${kindOf(data)}`);
    checkShape("tensor", shape);
    requireOptions("tensor", options);
    if (sizeOf(shape) !== data.length) {
      throw new Error(
        `[tensor] 'shape' ${formatShape(shape)} has ${sizeOf(shape)} elements, but 'data' has ${data.length}`,
      );
    }
    const wrong = findNoNumber(data);
    if (wrong)
      throw new Error(
        `[tensor] 'data' must hold numbers, not ${typeof wrong.value}s; flatten nested arrays, row-major`,
      );
    this.device.refuseWhileRecording(
      "tensor",
      "host data would be the same in every replay; pass it as an argument",
    );
    const dtype = data instanceof Int32Array ? "i32" : data instanceof Uint32Array ? "u32" : "f32";
    const values =
      dtype !== "f32" || data instanceof Float32Array ? (data as HostData) : new Float32Array(data);
    const x = this.#make(shape, dtype, options);
    this.device.write(x.storage, values);
    return x;
  }

  /** A tensor of zeros. */
  zeros(shape: Shape, options: TensorOptions = {}): Tensor {
    checkShape("zeros", shape);
    requireOptions("zeros", options);
    return this.full(shape, 0, options);
  }

  /** A tensor of one value. */
  full(shape: Shape, value: number, options: TensorOptions = {}): Tensor {
    checkShape("full", shape);
    requireOptions("full", options);
    const y = this.#make(shape, "f32", options);
    fill(this.device, { y, n: quads(y), value });
    return y;
  }

  /** A random stream; see `Rng`. */
  rng(seed: number): Rng {
    return new Rng(this, seed);
  }

  /**
   * Runs `fn` and frees every tensor made in it, save what it returns (also in arrays, plain objects, maps and sets) and what
   * `keep()` marked. What ops saved for their gradients goes with their outputs. `fn` is synchronous: read results outside.
   */
  scope<T>(fn: () => T): T {
    return this.scopes.run(fn);
  }

  /**
   * A function that runs `fn` from a recording: the first call traces `fn` without executing it, plans memory and then
   * replays; later calls only replay, which costs little on the host. n calls are n steps, with the bits of n eager ones.
   *
   * Tensors and typed arrays given as arguments, also in plain objects and arrays, are copied in at each call; `fn` gets
   * tensors. Every other value is baked in, and so is what `fn` reads elsewhere on the host. There is one recording per shapes,
   * types, `requiresGrad` and other values of the arguments, and per gradient mode. What varies without being an argument lies on
   * the GPU: parameters, `optimizer.lr` (set it between calls), random streams.
   *
   * A replay uses the tensors that the trace used. So it throws when one of them was released since, and when in a module whose `forward`
   * ran, or one inside it, a property (or a place in an array or plain object) holds another parameter, running statistic, layer or stream than
   * then. Other variables that `fn` reads can't be seen: a tensor or optimiser put in their place isn't noticed, nor is a layer that is added.
   *
   * The tensors of the result hold until the next call; reading older ones throws. They have no gradient: call `backward()` in
   * `fn`. What is made in `fn` and not returned is freed.
   * @throws Error for what can't be replayed: reading, awaiting, host data, `write()` or `lr` in `fn`, a recorded step in it,
   * tensors that were released or replaced, gradients of arguments that are accumulated
   */
  record<A extends readonly unknown[], R>(fn: (...args: A) => R): RecordedStep<A, R> {
    return recordStep(this, fn);
  }

  /**
   * Runs `fn` and looks after each op, forward and backward, whether it made a NaN or an infinity, or was given one; also after
   * `optimizer.step()`. The next read throws, naming the first: the value, where in which tensor, the op and its module. Works in
   * recorded steps: `gpu.record(() => gpu.checkNumerics(step))`. Slower; the results have the same bits.
   */
  checkNumerics<T>(fn: () => T): T {
    return checkNumerics(fn);
  }

  /**
   * Runs `step` once, each kernel on its own, and tells where its time and memory went: by module and op, by kernel, by tensor.
   * `console.log(profile.table())` prints it, `profile.trace()` is a file for `chrome://tracing` and Perfetto.
   *
   * The model needs no change, and it's a step like any other: the results have the same bits. `step` may be eager, or call a recorded step,
   * which is recorded anew for it. Tensors made in it are freed as by `scope`. Give no other work until the promise resolves.
   * @throws Error for what can't be measured: reading in `step`, an asynchronous `step`, a profile in a profile or in a recorded step;
   * for other work given meanwhile
   */
  profile(step: () => void, options: ProfileOptions = {}): Promise<Profile> {
    this.device.refuseEarly("profile", "profile a whole step from outside, one at a time");
    return import("./profile/profiler.ts").then(({ profile }) =>
      profile(this, step, options, { compileKernels, spectator, whereabouts }),
    );
  }

  /** Compiles what `step` needs without running it, with progress: the first real step then runs at full speed. */
  async precompile(step: () => void, onProgress?: CompileProgress): Promise<void> {
    // The inner scope refuses a step that isn't synchronous, the outer one frees what it returns.
    await precompile(this.device, () => this.scope(() => void this.scope(step)), onProgress);
  }

  /** Waits for all work given so far. @throws Error if a kernel failed */
  idle(): Promise<void> {
    this.device.refuseEarly("idle", "nothing has run yet; wait outside");
    return this.device.idle();
  }

  /** Frees the device. Idempotent; the process can exit. */
  destroy(): void {
    this.device.destroy();
  }

  /** An uninitialised tensor: an op's output, to be overwritten. @internal */
  empty(shape: Shape, dtype: DType = "f32"): Tensor {
    return this.#make(shape, dtype, {});
  }

  /** An uninitialised tensor that its maker releases, whatever scope is open. @internal */
  temporary(shape: Shape, dtype: DType = "f32"): Tensor {
    return this.#make(shape, dtype, {}).keep();
  }

  /** The gradient of the loss with respect to itself. @internal */
  one(shape: Shape): Tensor {
    if (!this.#one) {
      // Written and not filled: the first use may be in a traced step, whose kernels don't run.
      const one = this.device.apart(() => this.tensor([1]).keep());
      this.#one = one.storage;
      this.#one.retain();
    }
    return new Tensor(this, this.#one, shape, "f32");
  }

  /** The tensor that holds a leaf's gradient, made at its first use. @internal */
  gradientOf(x: Tensor): Tensor {
    if (!x.grad) {
      const storage = x.gradientHome ?? this.#allocate(x.shape, `gradient of ${x}`);
      const made = new Tensor(this, storage, x.shape, "f32", { name: x.name === "" ? "" : `${x.name}.grad` });
      x.grad = made;
      this.scopes.tie(made.claim, x.claim);
      this.device.tracing?.undo.push(() => {
        x.grad = null;
        made.claim.release("the end of a trace");
      });
    }
    const { grad } = x;
    this.device.tracing?.effects.push(() => {
      x.grad = grad;
    });
    return grad;
  }

  #make(shape: Shape, dtype: DType, options: TensorOptions): Tensor {
    return new Tensor(this, this.#allocate(shape, options.name ?? "tensor"), shape, dtype, options);
  }

  #allocate(shape: Shape, label: string): Storage {
    return Storage.allocate(
      this.device,
      sizeOf(shape) * 4,
      label === "tensor" ? `tensor ${formatShape(shape)}` : label,
    );
  }
}
