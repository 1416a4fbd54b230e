/**
 * Parameters and their gradients, each in one arena, so that an optimiser updates all of them in one dispatch.
 *
 * What may be updated together is read off where the tensors lie at each step, not remembered: a second optimiser may share
 * parameters with the first, parameters may be frozen, a gradient may be missing or put elsewhere by the user, and the
 * ranges are then shorter, never wrong.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import { Arena } from "../../tensor/arena.ts";
import type { Gpu } from "../../tensor/gpu.ts";
import { sameShape } from "../../tensor/shape.ts";
import type { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { type ParameterGroup, type Parameters, parameterGroups } from "./groups.ts";
import { joinRows, mapValues, type Range, type Views } from "./ranges.ts";

export class ParameterArena {
  /** Each once, in the order given, group by group: parameters that are in no arena yet are laid out so. */
  readonly parameters: readonly Tensor[];
  readonly groups: readonly ParameterGroup[];
  readonly gpu: Gpu;
  readonly #op: string;
  readonly #groupOf = new Map<Tensor, number>();
  /** The gradients that were used already. */
  readonly #used = new Map<Tensor, { readonly storage: Storage; readonly version: number }>();

  /**
   * Moves the parameters that are in no arena yet into one, and gives their gradients a place in another.
   * @throws Error for an empty list, for tensors that are released, no f32 leaves, on different GPUs, or in two groups
   */
  constructor(op: string, parameters: Parameters) {
    this.groups = parameterGroups(op, parameters);
    this.groups.forEach((group, index) => {
      for (const tensor of group.parameters) this.#groupOf.set(tensor, index);
    });
    this.parameters = [...this.#groupOf.keys()];
    const [first] = this.parameters;
    if (!first)
      throw new Error(`[${op}] got no parameters; pass model.parameters() of a model that has layers`);
    this.#op = op;
    this.gpu = first.gpu;
    for (const tensor of this.parameters) {
      checkTensor(op, tensor, this.gpu);
      if (tensor.entry)
        throw new Error(
          `[${op}] ${tensor} is the result of '${tensor.entry.op}'; only leaves can be optimised`,
        );
    }
    this.#adopt();
  }

  /** An optimiser's own memory: zeros of the parameters' shapes, laid out as they are. */
  zerosLike(label: string): Tensor[] {
    return zerosLike(this.gpu, this.parameters, label);
  }

  /**
   * What to update: every parameter that isn't frozen and got a gradient since the last call. Counts them as overwritten.
   * @param states the optimiser's memory by the kernel's names, each from `zerosLike`
   * @returns ranges of neighbours, of one group each
   * @throws Error if there is no new gradient, or one of another shape
   */
  takeUpdates<K extends string>(
    states: Readonly<Record<K, readonly Tensor[]>>,
  ): Range<K | "parameter" | "gradient">[] {
    const updates = this.parameters.flatMap((tensor, index) => {
      const { grad } = tensor;
      return grad && this.#isFresh(tensor, grad) ? [{ tensor, grad, index }] : [];
    });
    if (updates.length === 0) {
      throw new Error(
        `[${this.#op}] step() needs gradients, but none was computed since the last step; call backward() first, of a loss that depends on these parameters`,
      );
    }
    for (const { tensor, grad } of updates) {
      if (sameShape(tensor.shape, grad.shape) && grad.dtype === "f32") continue;
      throw new Error(`[${this.#op}] the gradient of ${tensor} must be f32 of its shape, but is ${grad}`);
    }
    const rows = updates.map(({ tensor, grad, index }) => {
      const use = () => {
        this.#used.set(tensor, { storage: grad.storage, version: grad.storage.version });
      };
      use();
      this.gpu.device.tracing?.effects.push(use);
      tensor.storage.version += 1;
      const memory = mapValues(states, (list): BufferView => list[index]?.storage ?? tensor.storage);
      const views: Views<K | "parameter" | "gradient"> = {
        ...memory,
        parameter: tensor.storage,
        gradient: grad.storage,
      };
      return { views, group: this.#groupOf.get(tensor) ?? 0 };
    });
    return joinRows(rows);
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

/** @throws Error unless it can be updated: f32, not released, on this GPU */
export function checkTensor(op: string, tensor: Tensor, gpu: Gpu): void {
  if (!(tensor instanceof Tensor)) throw new Error(`[${op}] parameters must be tensors, but got ${tensor}`);
  if (tensor.isReleased)
    throw new Error(`[${op}] ${tensor} was released by ${tensor.claim.releasedBy}; call keep() on it before`);
  if (tensor.dtype !== "f32")
    throw new Error(`[${op}] parameters must be f32, but ${tensor} is ${tensor.dtype}`);
  if (tensor.gpu !== gpu)
    throw new Error(`[${op}] ${tensor} is on another GPU than the first parameter; use one optimiser a GPU`);
}

/** Zeros of the tensors' shapes in an arena of their own, as `LABEL.INDEX`. */
export function zerosLike(gpu: Gpu, tensors: readonly Tensor[], label: string): Tensor[] {
  const sizes = tensors.map(({ byteLength }) => byteLength);
  const arena = new Arena(gpu.device, sizes, label);
  return tensors.map(({ shape }, index) =>
    new Tensor(gpu, arena.storage(index), shape, "f32", { name: `${label}.${index}` }).keep(),
  );
}
