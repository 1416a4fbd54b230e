/**
 * A tensor: a shape, an element type and a storage on the GPU; with gradients, also what the tape knows about it.
 *
 * Nobody disposes tensors. `backward()` and scopes release them; a FinalizationRegistry catches what neither did.
 */
import type { BufferView, GpuBuffer } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import type { Gpu } from "./gpu.ts";
import { findNoNumber, kindOf } from "./kind.ts";
import { formatShape, type Shape, sizeOf } from "./shape.ts";
import { spectator } from "./spectator.ts";
import type { Storage } from "./storage.ts";
import { type BackwardOptions, runBackward, type TapeEntry } from "./tape.ts";

/** Type of the elements. */
export type DType = "f32" | "i32" | "u32";
/** What elements may come from on the host: memory of any kind, also shared with workers. */
export type HostData = Float32Array | Int32Array | Uint32Array;
/** What elements are on the host when they're read. */
export type HostArray = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

const arrayTypes = { f32: Float32Array, i32: Int32Array, u32: Uint32Array } as const;

/** What a new tensor takes beside its values. */
export interface TensorOptions {
  /** Whether `backward()` computes a gradient for it. */
  readonly requiresGrad?: boolean;
  /** Stands in error messages. */
  readonly name?: string;
}

/** The claim of one tensor on its storage. Apart from the tensor, so that the registry can drop it after the tensor is gone. */
export class Claim {
  #storage: Storage | undefined;
  /** Scopes leave it alone: parameters, optimiser state, what `keep()` marked. */
  kept = false;
  /** Of what its op saved for backward: released with it. */
  saved: readonly Claim[] = [];
  /** What released it, for the error that a later read throws. */
  releasedBy = "";
  advice = "";

  constructor(storage: Storage) {
    this.#storage = storage;
    storage.retain();
  }

  get storage(): Storage | undefined {
    return this.#storage;
  }

  release(by: string, advice = "call keep() on it before, to use it afterwards"): void {
    this.#storage?.release();
    this.#storage = undefined;
    this.releasedBy = by;
    this.advice = advice;
    for (const claim of this.saved) claim.release(by);
    this.saved = [];
  }
}

const abandoned = new FinalizationRegistry<Claim>((claim) => claim.release("garbage collection"));

/** A shape, an element type and a storage on the GPU. Make one with `gpu.tensor`, `gpu.zeros` or an op. */
export class Tensor implements BufferView {
  /** How many were made so far. @internal */
  static made = 0;
  readonly gpu: Gpu;
  readonly shape: Shape;
  readonly dtype: DType;
  /** The number of elements. */
  readonly size: number;
  /** Stands in error messages. */
  name: string;
  /** The gradient that the last `backward()` left here; leaves only. */
  grad: Tensor | null = null;
  /** Where the gradient is to lie, where an arena provides the place. @internal */
  gradientHome: Storage | undefined;
  /** The op that made it, while its gradient can be computed. @internal */
  entry: TapeEntry | undefined;
  /** @internal */
  readonly claim: Claim;
  /** Its number in the order of making. @internal */
  readonly serial = Tensor.made++;
  #requiresGrad: boolean;

  /** @internal Users call `gpu.tensor`, `gpu.zeros` or an op. */
  constructor(gpu: Gpu, storage: Storage, shape: Shape, dtype: DType, options: TensorOptions = {}) {
    this.gpu = gpu;
    this.shape = shape;
    this.dtype = dtype;
    this.size = sizeOf(shape);
    this.name = options.name ?? "";
    this.#requiresGrad = options.requiresGrad ?? false;
    this.claim = new Claim(storage);
    abandoned.register(this, this.claim);
    gpu.scopes.add(this.claim);
    spectator.now?.made(this);
    if (this.#requiresGrad) this.#requireFloat();
  }

  #requireFloat(): void {
    if (this.dtype !== "f32")
      throw new Error(`[requiresGrad] only f32 tensors have gradients, but ${this} is ${this.dtype}`);
  }

  get requiresGrad(): boolean {
    return this.#requiresGrad || this.entry !== undefined;
  }
  /** Freezes or unfreezes a leaf. */
  set requiresGrad(value: boolean) {
    if (this.entry)
      throw new Error(`[requiresGrad] ${this} is the result of '${this.entry.op}'; use detach()`);
    if (value) this.#requireFloat();
    this.#requiresGrad = value;
  }

  get device(): Device {
    return this.gpu.device;
  }
  /** @throws Error if the tensor was released */
  get storage(): Storage {
    const { storage, releasedBy, advice } = this.claim;
    if (storage) return storage;
    throw new Error(`[tensor] ${this} was released by ${releasedBy}; ${advice}`);
  }
  get buffer(): GpuBuffer {
    return this.storage.buffer;
  }
  get byteOffset(): number {
    return this.storage.byteOffset;
  }
  get byteLength(): number {
    return this.storage.byteLength;
  }
  get isReleased(): boolean {
    return this.claim.storage === undefined;
  }

  /** The elements, row-major. Waits for the GPU. @throws Error if the tensor was released, or if a kernel before failed */
  data(): Promise<Float32Array<ArrayBuffer>>;
  data<T extends HostArray>(): Promise<T>;
  data(): Promise<HostArray> {
    this.#refuseReading("data");
    return this.#read();
  }

  async #read(): Promise<HostArray> {
    return new arrayTypes[this.dtype](await this.device.read(this.storage));
  }

  #refuseReading(op: string): void {
    this.device.refuseEarly(op, `the values of ${this} aren't known yet; return it and read it outside`);
  }

  /** The only element. @throws Error if there are several */
  item(): Promise<number> {
    this.#refuseReading("item");
    return this.#readItem();
  }

  async #readItem(): Promise<number> {
    if (this.size !== 1) throw new Error(`[item] ${this} has ${this.size} elements; use data()`);
    const [value = Number.NaN] = await this.data();
    return value;
  }

  /** Overwrites the elements, in program order with the work given so far. @throws Error unless type and count match */
  write(data: HostData | readonly number[]): void {
    const ArrayType = arrayTypes[this.dtype];
    const wrong = Array.isArray(data) ? findNoNumber(data) : undefined;
    const values = Array.isArray(data) && !wrong ? new ArrayType(data) : data;
    if (!(values instanceof ArrayType) || values.length !== this.size) {
      const got = `${kindOf(data)}${wrong ? ` that holds ${typeof wrong.value}s` : ""}`;
      throw new Error(`[write] ${this} takes a ${ArrayType.name} of ${this.size} elements, but got ${got}`);
    }
    this.device.refuseWhileRecording(
      "write",
      `${this} would get the same values in every replay; write between the calls, or pass an argument`,
    );
    this.device.write(this.storage, values);
    this.storage.version += 1;
  }

  /** Computes the gradients of this scalar and releases what it was computed from. See `runBackward`. */
  backward(options: BackwardOptions = {}): void {
    runBackward(this, options);
  }

  /** Marks it to survive `backward()` and scopes, with its gradient. */
  keep(): this {
    this.claim.kept = true;
    this.grad?.keep();
    return this;
  }

  /** The same elements without a gradient: a view, nothing is copied. */
  detach(): Tensor {
    return new Tensor(this.gpu, this.storage, this.shape, this.dtype, { name: this.name });
  }

  toString(): string {
    return `${this.name === "" ? "tensor" : `'${this.name}'`} ${formatShape(this.shape)}`;
  }
}

/** The number of vec4 elements that hold a tensor; the last may be partly padding. */
export function quads(x: Tensor): number {
  return Math.ceil(x.size / 4);
}

/** An uninitialised f32 tensor of x's shape, for an op to overwrite. */
export function emptyLike(x: Tensor): Tensor {
  return x.gpu.empty(x.shape);
}
