/** The arguments of a recorded step: what they have in common from call to call, and where their values go. */
import type { Gpu } from "./gpu.ts";
import { type HostData, Tensor } from "./tensor.ts";

/** What is copied in at each call. */
export type Input = Tensor | HostData;

/** The tensors and typed arrays among the arguments, in order. @throws Error for those that can't be copied in */
export function listInputs(gpu: Gpu, args: readonly unknown[]): Input[] {
  const inputs: Input[] = [];
  mapInputs(args, (input) => {
    inputs.push(input);
    if (input instanceof Tensor) check(gpu, input);
    return input;
  });
  return inputs;
}

const identities = new WeakMap<object, number>();
let nextIdentity = 1;

/** Equal for arguments that one recording serves. */
export function keyOf(value: unknown): string {
  if (value instanceof Tensor) return `${value.dtype}[${value.shape}]${value.requiresGrad ? "!" : ""}`;
  if (isHostArray(value)) return `${value.constructor.name}(${value.length})`;
  if (Array.isArray(value)) return `[${value.map(keyOf)}]`;
  if (isPlain(value)) {
    return `{${Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${keyOf(member)}`)}}`;
  }
  if ((typeof value === "object" && value !== null) || typeof value === "function") {
    const identity = identities.get(value) ?? nextIdentity++;
    identities.set(value, identity);
    return `#${identity}`;
  }
  if (typeof value === "string") return JSON.stringify(value);
  return Object.is(value, -0) ? "-0" : `${typeof value} ${String(value)}`;
}

/** Which inputs are one tensor with a gradient: that's the sum over its places. */
export function sharingOf(inputs: readonly Input[]): string {
  return inputs
    .map((input, k) =>
      needsGradient(input) && inputs.indexOf(input) < k ? ` ${k}=${inputs.indexOf(input)}` : "",
    )
    .join("");
}

/** A value with its tensors and typed arrays, also in arrays and plain objects, replaced. */
export function mapInputs(value: unknown, replace: (input: Input) => unknown): unknown {
  if (value instanceof Tensor || isHostArray(value)) return replace(value);
  if (ArrayBuffer.isView(value)) {
    throw new Error(
      `[record] typed arrays must be Float32Array, Int32Array or Uint32Array, but got ${value.constructor.name}`,
    );
  }
  if (Array.isArray(value)) return value.map((member) => mapInputs(member, replace));
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, mapInputs(member, replace)]),
  );
}

/** The tensors that `fn` gets in place of the inputs. */
export class InputTensors {
  readonly tensors: readonly Tensor[];
  /** The arguments for `fn`. */
  readonly args: readonly unknown[];

  constructor(gpu: Gpu, args: readonly unknown[]) {
    const tensors: Tensor[] = [];
    const copies = new Map<Input, Tensor>();
    this.args = args.map((arg) =>
      mapInputs(arg, (input) => {
        const tensor = copies.get(input) ?? makeTensor(gpu, input);
        if (needsGradient(input)) copies.set(input, tensor);
        tensors.push(tensor);
        return tensor;
      }),
    );
    this.tensors = tensors;
  }

  /** Copies the values of a call, in program order. */
  copyIn(inputs: readonly Input[]): void {
    this.tensors.forEach((tensor, k) => {
      const input = inputs[k];
      if (input instanceof Tensor) tensor.device.stream.copy(input, tensor);
      else if (input) tensor.write(input);
    });
  }

  /** A result with copies of what lies in the inputs' memory, which the next call overwrites while it may be copied in. */
  copyOut(result: unknown): unknown {
    const own = new Set(this.tensors.map(({ storage }) => storage));
    return mapInputs(result, (value) => {
      if (!(value instanceof Tensor && own.has(value.storage))) return value;
      const copy = value.gpu.empty(value.shape, value.dtype);
      value.device.stream.copy(value, copy);
      return copy;
    });
  }

  /** @throws Error if `fn` wrote to one: that would be lost, since it's a copy */
  refuseOverwritten(): void {
    const overwritten = this.tensors.find((tensor) => tensor.storage.version > 0);
    if (!overwritten) return;
    throw new Error(
      `[record] 'fn' overwrites its argument ${overwritten}, which is a copy; use the tensor from outside of 'fn' instead`,
    );
  }

  /** @throws Error if `fn` added to the gradient of one, which would be another copy's */
  refuseAccumulated(leaves: ReadonlySet<unknown>): void {
    const accumulated = this.tensors.find((tensor) => leaves.has(tensor));
    if (!accumulated) return;
    throw new Error(
      `[record] 'fn' accumulates the gradient of its argument ${accumulated}, which is a copy; use the tensor from outside of 'fn' instead`,
    );
  }

  release(): void {
    for (const tensor of this.tensors) {
      tensor.grad?.claim.release("record");
      tensor.claim.release("record");
    }
  }
}

function makeTensor(gpu: Gpu, input: Input): Tensor {
  if (!(input instanceof Tensor)) {
    const dtype = input instanceof Int32Array ? "i32" : input instanceof Uint32Array ? "u32" : "f32";
    return gpu.temporary([input.length], dtype);
  }
  const tensor = gpu.temporary(input.shape, input.dtype);
  tensor.name = input.name;
  tensor.requiresGrad = input.requiresGrad;
  return tensor;
}

function needsGradient(input: Input): boolean {
  return input instanceof Tensor && input.requiresGrad;
}

function check(gpu: Gpu, tensor: Tensor): void {
  if (tensor.gpu !== gpu) throw new Error(`[record] the argument ${tensor} is on another GPU`);
  if (tensor.entry) {
    throw new Error(
      `[record] the argument ${tensor} is the result of '${tensor.entry.op}', whose gradient a recording can't pass on; ` +
        "give it as tensor.detach(), or compute it in 'fn'",
    );
  }
  // Throws if it was released.
  void tensor.storage;
}

function isHostArray(value: unknown): value is HostData {
  return value instanceof Float32Array || value instanceof Int32Array || value instanceof Uint32Array;
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
