/**
 * Reverse-mode automatic differentiation.
 *
 * Each op that touches a tensor with gradients leaves an entry: inputs, what it saved, its backward. Entries are numbered in
 * order of creation, which is a topological order, so backward is one walk over the numbers in reverse: no recursion, and a
 * diamond is visited once. Gradients go where they're wanted: the first contribution to a leaf is written straight into its
 * place in the arena, later ones are added.
 */
import { accumulate } from "../kernels/elementwise.ts";
import { formatShape, sameShape } from "./shape.ts";
import { spectator } from "./spectator.ts";
import type { Tensor } from "./tensor.ts";

/** Takes the gradients that an op's backward computes. */
export interface GradientSink {
  /** Whether x needs a gradient: lets a backward skip work that only serves it. */
  wants(x: Tensor): boolean;
  /** Calls `launch` with an uninitialised tensor of x's shape to overwrite, if x needs a gradient. */
  into(x: Tensor, launch: (dx: Tensor) => void): void;
  /** Takes an existing tensor as x's gradient; it won't be written to. */
  pass(x: Tensor, gradient: Tensor): void;
}

/** How the gradient of an op flows: what `record` notes. */
export interface Differentiable {
  /** Inputs or outputs whose values backward reads: they mustn't be overwritten before. */
  readonly saves?: readonly Tensor[];
  /** State that the op moved on, such as running statistics. */
  readonly updates?: readonly Tensor[];
  /** Tensors private to the op that backward needs. They're released after it or with the op's output, or at once when there is no gradient. */
  readonly temporaries?: readonly Tensor[];
  /** From the gradient of the output to those of the inputs. */
  readonly backward: (dy: Tensor, gradients: GradientSink) => void;
}

/** What the tape keeps of one op. */
export interface TapeEntry {
  readonly op: string;
  /** For messages: the op, and the module that called it. Only while somebody observes. */
  readonly place: string;
  readonly order: number;
  readonly output: Tensor;
  inputs: readonly Tensor[];
  saved: readonly { readonly tensor: Tensor; readonly version: number }[];
  temporaries: readonly Tensor[];
  backward: ((dy: Tensor, gradients: GradientSink) => void) | undefined;
}

/** What `backward()` does with the gradients that are there. */
export interface BackwardOptions {
  /** Add to the gradients of the last backward instead of replacing them. */
  readonly accumulate?: boolean;
}

let order = 0;
let gradientsOff = 0;

/** Is shown the tensors that ops read and make, once their commands were given, and what they are. */
export type Observer = (x: Tensor, what: string) => void;
let observer: Observer | undefined;

/** Runs `fn` with `next` observing. */
export function observing<T>(next: Observer, fn: () => T): T {
  const outer = observer;
  observer = next;
  try {
    return fn();
  } finally {
    observer = outer;
  }
}

/** Shows the observer, if there is one, tensors that were changed outside of an op. */
export function observeUpdates(by: string, tensors: readonly Tensor[]): void {
  spectator.now?.update(by, tensors);
  for (const x of observer ? tensors : []) observer?.(x, `${x} after ${by}`);
}

/** Where the code that runs belongs, such as `stage1.0.conv`; "" if nobody knows. */
export const whereabouts = { now: () => "" };

function placeOf(op: string): string {
  const where = whereabouts.now();
  return `'${op}'${where && ` in ${where}`}`;
}

function observeForward(
  place: string,
  output: Tensor,
  inputs: readonly Tensor[],
  updates: readonly Tensor[],
) {
  for (const x of inputs) if (!x.entry) observer?.(x, `${x}, which ${place} reads (forward)`);
  for (const x of updates) observer?.(x, `${x}, which ${place} keeps (forward)`);
  observer?.(output, `the output ${formatShape(output.shape)} of ${place} (forward)`);
}

/** Runs `fn` without recording gradients. `fn` is synchronous. */
export function noGrad<T>(fn: () => T): T {
  gradientsOff += 1;
  try {
    const result = fn();
    if (result instanceof Promise)
      throw new Error("[noGrad] 'fn' must be synchronous; await its results outside");
    return result;
  } finally {
    gradientsOff -= 1;
  }
}

/** Whether ops are recorded on the tape now. */
export function gradientsEnabled(): boolean {
  return gradientsOff === 0;
}

/** Notes on the tape how `output` came from `inputs`, unless none of them needs a gradient. */
export function record(op: string, output: Tensor, inputs: readonly Tensor[], rule: Differentiable): Tensor {
  const temporaries = rule.temporaries ?? [];
  const place = observer ? placeOf(op) : "";
  spectator.now?.forward(op, output, inputs);
  observeForward(place, output, inputs, rule.updates ?? []);
  assumeFrozenOrNot(inputs);
  if (gradientsOff > 0 || !inputs.some((input) => input.requiresGrad)) {
    for (const temporary of temporaries) temporary.claim.release(op);
    return output;
  }
  output.claim.saved = temporaries.map((temporary) => temporary.keep().claim);
  output.entry = {
    op,
    place,
    order: order++,
    output,
    inputs,
    saved: [...(rule.saves ?? []), ...temporaries].map((tensor) => ({
      tensor,
      version: tensor.storage.version,
    })),
    temporaries,
    backward: rule.backward,
  };
  return output;
}

/** A recording holds for as long as the leaves that it uses stay frozen, or don't. */
function assumeFrozenOrNot(inputs: readonly Tensor[]): void {
  const trace = inputs[0]?.device.tracing;
  for (const input of trace ? inputs : []) {
    if (input.entry) continue;
    const { requiresGrad } = input;
    trace?.assumptions.push(() => input.requiresGrad === requiresGrad);
  }
}

/** Whether an op on these inputs will be recorded: lets a forward skip what only backward needs. */
export function willRecord(...inputs: readonly Tensor[]): boolean {
  return gradientsOff === 0 && inputs.some((input) => input.requiresGrad);
}

/**
 * Computes d loss / d leaf for every leaf with `requiresGrad` that the loss depends on, into `leaf.grad`.
 *
 * What the loss was computed from is released on the way, save leaves and what `keep()` marked; the loss stays readable.
 * @throws Error, before anything is computed, if the loss is no scalar, has no gradient, was walked already, or if a tensor
 * that an op saved was overwritten or released since
 */
export function runBackward(loss: Tensor, options: BackwardOptions): void {
  if (loss.size !== 1)
    throw new Error(`[backward] the loss must be a scalar, but is ${loss}; reduce it with sum() or mean()`);
  if (!loss.entry) {
    if (loss.requiresGrad)
      throw new Error(`[backward] ${loss} is a leaf: nothing was computed from parameters`);
    throw new Error(`[backward] ${loss} depends on no tensor with requiresGrad`);
  }
  const entries = reachable(loss.entry);
  entries.forEach(checkSaved);

  const gradients = new PendingGradients(options.accumulate ?? false);
  gradients.pass(loss, loss.gpu.one(loss.shape));
  for (const entry of entries) {
    const dy = gradients.take(entry.output);
    if (dy) {
      gradients.place = entry.place || `'${entry.op}'`;
      spectator.now?.backward(entry.op, entry.output);
      entry.backward?.(dy, gradients);
      dy.claim.release("backward()");
    }
    if (entry.output !== loss && !entry.output.claim.kept) entry.output.claim.release("backward()");
    close(entry);
  }
  spectator.now?.backward();
  if (!loss.storage.owner && !loss.device.tracing) loss.gpu.losses.put(loss.storage);
}

/**
 * Gives up the gradients of what a result was computed from. @internal
 * @returns the bytes that ops kept for them: results of others and their own, not leaves
 */
export function abandonGradients(result: Tensor): number {
  const entries = result.entry ? reachable(result.entry) : [];
  const kept = entries.flatMap(({ saved, temporaries }) => [
    ...saved.flatMap(({ tensor }) => (tensor.entry ? [tensor] : [])),
    ...temporaries,
  ]);
  const bytes = new Map(kept.map(({ storage, byteLength }) => [storage, byteLength]));
  entries.forEach(close);
  return [...bytes.values()].reduce((sum, each) => sum + each, 0);
}

function close(entry: TapeEntry): void {
  for (const temporary of entry.temporaries) temporary.claim.release("backward()");
  entry.inputs = [];
  entry.saved = [];
  entry.temporaries = [];
  entry.backward = undefined;
}

/** The entries that a loss depends on, latest first. */
function reachable(last: TapeEntry): TapeEntry[] {
  const found = new Set([last]);
  for (const { inputs } of found) {
    for (const { entry } of inputs) if (entry) found.add(entry);
  }
  return [...found].sort((a, b) => b.order - a.order);
}

function checkSaved({ op, saved, temporaries, backward, output }: TapeEntry): void {
  if (!backward) {
    throw new Error(
      `[backward] ${output}, made by '${op}', was part of an earlier backward() and is released; ` +
        "add the losses and call backward() once, or compute it again",
    );
  }
  const lost = temporaries.find(({ isReleased }) => isReleased);
  if (lost) {
    throw new Error(
      `[backward] ${output}, made by '${op}', was released by ${lost.claim.releasedBy}, and with it what its gradient needs; ` +
        "call backward() before, or keep() on it",
    );
  }
  for (const { tensor, version } of saved) {
    if (tensor.storage.version !== version) {
      throw new Error(
        `[backward] ${tensor} was overwritten after '${op}' saved it for its gradient; ` +
          "call backward() before write() or optimizer.step()",
      );
    }
  }
}

class PendingGradients implements GradientSink {
  /** Whose backward runs. */
  place = "";
  readonly #pending = new Map<Tensor, Tensor>();
  readonly #reached = new Set<Tensor>();
  readonly #accumulate: boolean;

  constructor(accumulateIntoLeaves: boolean) {
    this.#accumulate = accumulateIntoLeaves;
  }

  wants(x: Tensor): boolean {
    return x.requiresGrad;
  }

  into(x: Tensor, launch: (dx: Tensor) => void): void {
    if (!x.requiresGrad) return;
    if (!x.entry) {
      this.#intoLeaf(x, launch);
      return;
    }
    const dx = x.gpu.temporary(x.shape);
    launch(dx);
    this.#add(x, dx);
  }

  pass(x: Tensor, gradient: Tensor): void {
    if (!x.requiresGrad) return;
    if (!sameShape(x.shape, gradient.shape)) {
      throw new Error(`[backward] the gradient of ${x} must have its shape, but is ${gradient}`);
    }
    if (x.entry) this.#add(x, gradient.detach());
    else this.#intoLeaf(x, (dx) => x.device.stream.copy(gradient, dx));
  }

  take(x: Tensor): Tensor | undefined {
    const gradient = this.#pending.get(x);
    this.#pending.delete(x);
    return gradient;
  }

  /** Adds a contribution. A tensor that others share is left as it is: they may still need it. */
  #add(x: Tensor, gradient: Tensor): void {
    const before = this.#pending.get(x);
    if (!before) {
      this.#pending.set(x, gradient);
      this.#observe(x, gradient);
      return;
    }
    let sum = before;
    if (before.storage.users > 1) {
      sum = x.gpu.temporary(x.shape);
      x.device.stream.copy(before, sum);
      before.claim.release("backward()");
      this.#pending.set(x, sum);
    }
    accumulate(x.device, { x: gradient, sum, n: Math.ceil(x.size / 4) });
    gradient.claim.release("backward()");
    this.#observe(x, sum);
  }

  #observe(x: Tensor, gradient: Tensor): void {
    observer?.(gradient, `the gradient of ${x} from ${this.place} (backward)`);
  }

  #intoLeaf(x: Tensor, launch: (dx: Tensor) => void): void {
    const { grad: before } = x;
    if (this.#accumulate && !this.#reached.has(x)) {
      x.device.tracing?.assumptions.push(() => x.grad === before);
      x.device.tracing?.accumulated.add(x);
    }
    const adds = this.#reached.has(x) || (this.#accumulate && x.grad !== null);
    this.#reached.add(x);
    if (!adds && x.grad?.isReleased) x.grad = null;
    const grad = x.gpu.gradientOf(x);
    grad.storage.version += 1;
    if (adds) {
      const contribution = x.gpu.temporary(x.shape);
      launch(contribution);
      accumulate(x.device, { x: contribution, sum: grad, n: Math.ceil(x.size / 4) });
      contribution.claim.release("backward()");
    } else launch(grad);
    this.#observe(x, grad);
  }
}
