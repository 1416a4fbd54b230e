/**
 * Parameters and their gradients, each in one arena, so that an optimiser updates all of them in one dispatch.
 *
 * What may be updated together is read off where the tensors lie at each step, not remembered: a second optimiser may share
 * parameters with the first, parameters may be frozen, a gradient may be missing or put elsewhere by the user, and the
 * ranges are then shorter, never wrong.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import { Arena, arenaAlignment } from "../../tensor/arena.ts";
import type { Gpu } from "../../tensor/gpu.ts";
import { sameShape } from "../../tensor/shape.ts";
import type { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";

/** Neighbours in memory that one dispatch updates. */
export interface UpdateRange {
  readonly parameter: BufferView;
  readonly gradient: BufferView;
  readonly state: BufferView;
  /** vec4s. */
  readonly quads: number;
}

export class ParameterArena {
  /** Each once, in the order given. */
  readonly parameters: readonly Tensor[];
  readonly gpu: Gpu;
  readonly #op: string;
  /** The gradients that were used already. */
  readonly #used = new Map<Tensor, { readonly storage: Storage; readonly version: number }>();

  /**
   * Moves the parameters that are in no arena yet into one, and gives their gradients a place in another.
   * @throws Error for an empty list, and for tensors that are released, no f32 leaves, or on different GPUs
   */
  constructor(op: string, parameters: readonly Tensor[]) {
    const [first] = parameters;
    if (!first)
      throw new Error(`[${op}] got no parameters; pass model.parameters() of a model that has layers`);
    this.#op = op;
    this.gpu = first.gpu;
    this.parameters = [...new Set(parameters)];
    for (const tensor of this.parameters) check(op, tensor, this.gpu);
    this.#adopt();
  }

  /** An optimiser's own memory: zeros of the parameters' shapes, laid out as they are. */
  zerosLike(label: string): Tensor[] {
    const { gpu, parameters } = this;
    const arena = new Arena(
      gpu.device,
      parameters.map(({ byteLength }) => byteLength),
      label,
    );
    return parameters.map(({ shape }, index) =>
      new Tensor(gpu, arena.storage(index), shape, "f32", { name: `${label}.${index}` }).keep(),
    );
  }

  /**
   * What to update: every parameter that isn't frozen and got a gradient since the last call. Counts them as overwritten.
   * @param state the optimiser's memory, from `zerosLike`
   * @throws Error if there is no new gradient, or one of another shape
   */
  takeUpdates(state: readonly Tensor[]): UpdateRange[] {
    const updates = this.parameters.flatMap((tensor, index) => {
      const { grad } = tensor;
      const own = state[index];
      return grad && own && this.#isFresh(tensor, grad) ? [{ tensor, grad, own }] : [];
    });
    if (updates.length === 0) {
      throw new Error(
        `[${this.#op}] step() needs gradients, but none was computed since the last step; call backward() first`,
      );
    }
    for (const { tensor, grad } of updates) {
      if (sameShape(tensor.shape, grad.shape) && grad.dtype === "f32") continue;
      throw new Error(`[${this.#op}] the gradient of ${tensor} must be f32 of its shape, but is ${grad}`);
    }
    const ranges: [BufferView, BufferView, BufferView][] = [];
    for (const { tensor, grad, own } of updates) {
      const use = () => {
        this.#used.set(tensor, { storage: grad.storage, version: grad.storage.version });
      };
      use();
      this.gpu.device.tracing?.effects.push(use);
      tensor.storage.version += 1;
      const last = ranges.at(-1);
      const joined = last && joinAll(last, [tensor, grad, own]);
      if (joined) ranges[ranges.length - 1] = joined;
      else ranges.push([tensor.storage, grad.storage, own.storage]);
    }
    return ranges.map(([parameter, gradient, velocity]) => ({
      parameter,
      gradient,
      state: velocity,
      quads: Math.ceil(parameter.byteLength / 16),
    }));
  }

  #isFresh(tensor: Tensor, grad: Tensor): boolean {
    const used = this.#used.get(tensor);
    const { storage } = grad;
    return tensor.requiresGrad && (used?.storage !== storage || used.version !== storage.version);
  }

  #adopt(): void {
    const { device } = this.gpu;
    const outside = new Map<Storage, Tensor>();
    for (const tensor of this.parameters) {
      if (!tensor.storage.owner) outside.set(tensor.storage, tensor);
    }
    if (outside.size > 0) Arena.adopt(device, [...outside.values()], "parameters");

    const homeless = this.parameters.filter(({ gradientHome }) => !gradientHome);
    const sizes = homeless.map(({ byteLength }) => byteLength);
    const gradients = new Arena(device, sizes, "gradients");
    homeless.forEach((tensor, index) => {
      const storage = tensor.grad?.storage;
      if (storage && !storage.owner) storage.moveTo(gradients.view(index), gradients);
      tensor.gradientHome = storage ?? gradients.storage(index);
    });
  }
}

function check(op: string, tensor: Tensor, gpu: Gpu): void {
  if (!(tensor instanceof Tensor)) throw new Error(`[${op}] parameters must be tensors, but got ${tensor}`);
  if (tensor.isReleased)
    throw new Error(`[${op}] ${tensor} was released by ${tensor.claim.releasedBy}; call keep() on it before`);
  if (tensor.entry)
    throw new Error(`[${op}] ${tensor} is the result of '${tensor.entry.op}'; only leaves can be optimised`);
  if (tensor.dtype !== "f32")
    throw new Error(`[${op}] parameters must be f32, but ${tensor} is ${tensor.dtype}`);
  if (tensor.gpu !== gpu)
    throw new Error(`[${op}] ${tensor} is on another GPU than the first parameter; use one optimiser a GPU`);
}

/** The ranges lengthened by views that follow all of them in memory, if they do. */
function joinAll(
  [a, b, c]: readonly [BufferView, BufferView, BufferView],
  [x, y, z]: readonly [BufferView, BufferView, BufferView],
): [BufferView, BufferView, BufferView] | undefined {
  const first = join(a, x);
  const second = join(b, y);
  const third = join(c, z);
  return first && second && third ? [first, second, third] : undefined;
}

function join(range: BufferView, next: BufferView): BufferView | undefined {
  const end = range.byteOffset + Math.ceil(range.byteLength / arenaAlignment) * arenaAlignment;
  if (next.buffer !== range.buffer || next.byteOffset !== end) return undefined;
  const { buffer, byteOffset } = range;
  return { buffer, byteOffset, byteLength: next.byteOffset + next.byteLength - byteOffset };
}
