/**
 * `Module`: what layers and models are made of.
 *
 * The properties of an object are its structure: modules, tensors and random streams in them, also inside arrays and plain
 * objects, are found in the order in which they were assigned, and named by their path. There's nothing to register, so
 * nothing can be forgotten. Private `#fields` are invisible to it.
 */
import { Rng } from "../tensor/rng.ts";
import type { Shape } from "../tensor/shape.ts";
import { whereabouts } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type Held, noteUse } from "../tensor/watch.ts";
import { loadTensors, type StateDict, type StateValues } from "./state.ts";
import { Summary } from "./summary.ts";
import { noteForward } from "./witness.ts";

/** What layers' `forward` takes beside its input. */
export interface ForwardOptions {
  /** Dropout drops and batch normalization uses the batch's statistics. `false` by default. */
  readonly training?: boolean;
}

type Role = "parameter" | "buffer";
const roles = new WeakMap<Tensor, Role>();

/**
 * Makes a leaf a parameter: it gets a gradient, and no scope frees it. A module's own property with `requiresGrad` becomes one
 * by itself when the module is first walked; a frozen one (`requiresGrad = false`) stays one.
 * @throws Error if x is the result of an op
 */
export function parameter(x: Tensor): Tensor {
  x.requiresGrad = true;
  roles.set(x, "parameter");
  return x.keep();
}

/** Makes a tensor a buffer: state without a gradient that is saved with the model, such as running statistics. No scope frees it. */
export function buffer(x: Tensor): Tensor {
  roles.set(x, "buffer");
  return x.keep();
}

/** A layer or a model: extend it, assign layers as properties, write `forward`. */
export abstract class Module {
  constructor() {
    const { forward } = this;
    const located = (...inputs: never[]) => runInside(this, () => forward.apply(this, inputs));
    Object.defineProperty(this, "forward", { value: located, writable: true, configurable: true });
  }

  /** Computes the outputs. Synchronous; its arguments are the subclass's own. */
  abstract forward(...inputs: never[]): unknown;

  /** The trainable tensors, frozen ones included, each once, in the order of the properties. */
  parameters(): Tensor[] {
    return this.namedParameters().map(([, tensor]) => tensor);
  }

  /** The parameters with their paths, such as `stage1.0.conv.weight`. */
  namedParameters(): [string, Tensor][] {
    return [...this.#tensors()].filter(([, tensor]) => roles.get(tensor) === "parameter");
  }

  /** The tensors marked by `nn.buffer`, such as running statistics, with their paths. */
  namedBuffers(): [string, Tensor][] {
    return [...this.#tensors()].filter(([, tensor]) => roles.get(tensor) === "buffer");
  }

  /** The modules inside this one with their paths; first itself, with the path "". */
  namedModules(): [string, Module][] {
    return [...walk("", this)].filter((found): found is [string, Module] => found[1] instanceof Module);
  }

  /** The random streams that its layers draw from with their paths: what a snapshot needs beside the state dict. */
  namedStreams(): [string, Rng][] {
    return [...walk("", this)].filter((found): found is [string, Rng] => found[1] instanceof Rng);
  }

  /** Parameters and buffers by path: the live tensors, not copies. */
  stateDict(): StateDict {
    return Object.fromEntries(this.#tensors());
  }

  /**
   * Copies values into the parameters and buffers.
   * @param state for each key of `stateDict()` a tensor, or host data with its shape
   * @throws Error that lists all missing, unexpected and mismatched keys; then nothing was changed
   */
  loadStateDict(state: StateValues): void {
    loadTensors("loadStateDict", this.stateDict(), state);
  }

  /**
   * Multiplications and additions that made an output, for `summary`. 0, unless a layer of your own says otherwise; convolutions and linear layers do.
   */
  flops(_output: Tensor): number {
    return 0;
  }

  /**
   * Layers with the shapes of their outputs, parameters, FLOPs and memory for an input of this shape, in training. Its text is a table:
   * `console.log(String(model.summary([1, 32, 32, 3])))`. A forward is traced, not executed.
   * @throws Error from the forward for a shape that doesn't fit, and for a model without parameters
   */
  summary(input: Shape): Summary {
    return new Summary(this, input);
  }

  /** Names and values that the walk looks at: the properties. @internal A container overrides it to leave out its own name. */
  members(): Iterable<readonly [string, unknown]> {
    return Object.entries(this);
  }

  *#tensors(): Generator<[string, Tensor]> {
    for (const [path, found] of walk("", this)) {
      if (!(found instanceof Tensor)) continue;
      if (!roles.has(found) && found.requiresGrad && !found.entry) parameter(found);
      if (!roles.has(found)) continue;
      // The path from the outermost model wins over a layer's own name for its tensor.
      if (found.name === "" || path.endsWith(`.${found.name}`)) found.name = path;
      yield [path, found];
    }
  }
}

/** Modules, tensors and streams in a value, each once, depth first. */
function* walk(
  path: string,
  value: unknown,
  seen = new Set<unknown>(),
): Generator<[string, Module | Tensor | Rng]> {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  const isModule = value instanceof Module;
  if (isModule || value instanceof Tensor || value instanceof Rng) yield [path, value];
  for (const [name, member] of isModule ? value.members() : isPlain(value) ? Object.entries(value) : []) {
    yield* walk(path === "" ? name : `${path}.${name}`, member, seen);
  }
}

/** The modules whose forward is running, outermost first. */
const running: Module[] = [];
const located = new WeakSet<Error>();

whereabouts.now = () => {
  const [outermost] = running;
  const module = running.at(-1);
  return outermost && module ? pathInside(outermost, module) || module.constructor.name : "";
};

/** Runs a module's forward; the innermost module that an error leaves says where it happened. */
function runInside<T>(module: Module, forward: () => T): T {
  running.push(module);
  const [outermost = module] = running;
  noteUse(module, () => heldBy(module, outermost));
  try {
    const output = forward();
    noteForward(module, output);
    return output;
  } catch (error) {
    if (error instanceof Error && !located.has(error)) {
      located.add(error);
      appendToMessage(error, ` (in ${whereabouts.now()})`);
    }
    throw error;
  } finally {
    running.pop();
  }
}

/** The path of a running module, or its class where the outermost one has no path to it. */
function pathInside(outermost: Module, module: Module): string {
  const found = outermost.namedModules().find(([, candidate]) => candidate === module);
  return found?.[0] ?? module.constructor.name;
}

/** Modules, tensors and streams in a module's properties and in modules inside, also in arrays and plain objects: every place. */
function heldBy(module: Module, outermost: Module): Held[] {
  const held: Held[] = [];
  const seen = new Set<unknown>();
  const collect = (owner: Module, value: object, path: readonly string[]) => {
    if (seen.has(value)) return;
    seen.add(value);
    for (const [key, member] of Object.entries(value)) {
      const keys = [...path, key];
      const name = () => [pathInside(outermost, owner), ...keys].filter((part) => part !== "").join(".");
      const isModule = member instanceof Module;
      if (isModule || member instanceof Tensor || member instanceof Rng)
        held.push({ owner, keys, value: member, name });
      if (isModule) collect(member, member, []);
      else if (isPlain(member)) collect(owner, member, keys);
    }
  };
  collect(module, module, []);
  return held;
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

function appendToMessage(error: Error, text: string): void {
  const before = error.message;
  // The stack repeats the message as it was at construction. Some hosts' errors are read-only: they stay as they are.
  if (Reflect.set(error, "message", before + text) && error.stack) {
    Reflect.set(
      error,
      "stack",
      error.stack.replace(before, () => before + text),
    );
  }
}
