/** What optimisers around another have in common, if they keep a copy of the tensors: lookahead and moving average. */
import type { Gpu } from "../../tensor/gpu.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { loadTensors, matchTensors, type StateDict } from "../state.ts";
import type { Optimizer, OptimizerState, OptimizerStateValues } from "./optimizer.ts";
import { checkTensor, zerosLike } from "./parameter-arena.ts";
import { joinRows, type Range } from "./ranges.ts";

export interface Copy {
  /** In the state: by the place in the list that was given. */
  readonly name: string;
  readonly copy: Tensor;
  readonly live: Tensor;
}

export abstract class CopyingOptimizer implements Optimizer {
  protected readonly gpu: Gpu;
  readonly #op: string;
  readonly #prefix: string;
  readonly #inner: Optimizer;
  readonly #copies: readonly Copy[];

  /** @param label of the copies in the state */
  constructor(op: string, label: string, inner: Optimizer, tensors: readonly Tensor[]) {
    const [first] = tensors;
    if (!first) throw new Error(`[${op}] got no tensors; pass model.parameters() and its running statistics`);
    for (const tensor of tensors) checkTensor(op, tensor, first.gpu);
    if (Object.hasOwn(inner.stateDict().tensors, `${label}.0`))
      throw new Error(`[${op}] is around another ${op} already; leave one out`);
    this.gpu = first.gpu;
    this.#op = op;
    this.#prefix = `${label}.`;
    this.#inner = inner;
    this.#copies = copiesOf(this.gpu, [...new Set(tensors)], label);
  }

  get parameters(): readonly Tensor[] {
    return this.#inner.parameters;
  }
  get lr(): number {
    return this.#inner.lr;
  }
  set lr(lr: number) {
    this.#inner.lr = lr;
  }

  step(): void {
    this.#inner.step();
  }

  advance(progress: number): void {
    this.#inner.advance?.(progress);
  }

  /** Does nothing but in `gpu.precompile`. */
  rehearse(): void {
    this.#inner.rehearse?.();
    if (this.gpu.device.tracing?.strict === false) this.outsideOfStep();
  }

  /** The launches that aren't part of `step()`. */
  protected abstract outsideOfStep(): void;

  /** The inner optimiser's, and the copies. */
  stateDict(): OptimizerState {
    const { settings, tensors } = this.#inner.stateDict();
    return { settings, tensors: { ...tensors, ...this.#copiesByName } };
  }

  loadStateDict({ settings, tensors }: OptimizerStateValues): void {
    const pick = (isOwn: boolean) =>
      Object.fromEntries(Object.entries(tensors).filter(([name]) => name.startsWith(this.#prefix) === isOwn));
    const op = `${this.#op}.loadStateDict`;
    matchTensors(op, this.#copiesByName, pick(true));
    this.#inner.loadStateDict({ settings, tensors: pick(false) });
    loadTensors(op, this.#copiesByName, pick(true));
  }

  /** Copies beside what they're copies of, joined where they're neighbours. Counts both as overwritten. */
  protected takeRanges(): Range<"copy" | "live">[] {
    for (const { storage } of this.#copies.flatMap(({ copy, live }) => [copy, live])) storage.version += 1;
    return joinRows(
      this.#copies.map(({ copy, live }) => ({ views: { copy: copy.storage, live: live.storage }, group: 0 })),
    );
  }

  get #copiesByName(): StateDict {
    return Object.fromEntries(this.#copies.map(({ name, copy }) => [name, copy]));
  }
}

/** Copies laid out in the order of the tensors in memory, so that neighbours have neighbours as copies. */
function copiesOf(gpu: Gpu, tensors: readonly Tensor[], label: string): Copy[] {
  const buffers = [...new Set(tensors.map(({ buffer }) => buffer))];
  const ordered = tensors
    .map((live, index) => ({ live, name: `${label}.${index}` }))
    .sort(
      ({ live: a }, { live: b }) =>
        buffers.indexOf(a.buffer) - buffers.indexOf(b.buffer) || a.byteOffset - b.byteOffset,
    );
  const zeros = zerosLike(
    gpu,
    ordered.map(({ live }) => live),
    label,
  );
  return ordered.flatMap(({ live, name }, index) => {
    const copy = zeros[index];
    if (copy) gpu.device.stream.copy(live, copy);
    return copy ? [{ name, copy, live }] : [];
  });
}
