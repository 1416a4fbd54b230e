/** What `fromPyTorch` and `toPyTorch` do. */
import { formatShape, type Shape, sameShape } from "../tensor/shape.ts";
import type { HostArray, HostData, Tensor } from "../tensor/tensor.ts";
import { BatchNorm, Conv2d, Linear } from "./layers.ts";
import type { Module } from "./module.ts";
import type { PyTorchOptions, PyTorchState } from "./pytorch.ts";
import { loadTensors } from "./state.ts";

/** One tensor on both sides. Ours is `[out, pixels, channels]` and PyTorch's `[out, channels, pixels]`, in memory. */
interface Correspondence {
  readonly path: string;
  readonly tensor: Tensor;
  /** PyTorch's. */
  readonly name: string;
  /** PyTorch's. */
  readonly shape: Shape;
  readonly pixels: number;
  readonly channels: number;
}

const batchNormNames: Readonly<Record<string, string>> = {
  gamma: "weight",
  beta: "bias",
  runningMean: "running_mean",
  runningVar: "running_var",
};

/** See `fromPyTorch`. */
export function loadPyTorch(state: PyTorchState, model: Module, options: PyTorchOptions): void {
  const pairs = correspondences("fromPyTorch", model, options);
  const names = new Set(pairs.map(({ name }) => name));
  const missing = [...names].filter((name) => !Object.hasOwn(state, name));
  const unexpected = Object.keys(state).filter(
    (name) => !names.has(name) && !/(^|\.)num_batches_tracked$/.test(name),
  );
  const values = pairs.flatMap((pair) => {
    const value = Object.hasOwn(state, pair.name) ? state[pair.name] : undefined;
    return value ? [{ ...pair, value }] : [];
  });
  const mismatched = values.flatMap(({ name, shape, tensor, value }) => {
    const got = formatShape(value.shape);
    if (!sameShape(shape, value.shape)) return [`${name} must be ${formatShape(shape)}, but got ${got}`];
    return value.data.length === tensor.size ? [] : [`${name} ${got} has ${value.data.length} elements`];
  });
  const problems = Object.entries({ missing, unexpected, mismatched }).filter(([, list]) => list.length > 0);
  if (problems.length > 0) {
    const lines = problems.map(
      ([kind, list]) => `\n  ${kind}: ${list.join(kind === "mismatched" ? "; " : ", ")}`,
    );
    const advice =
      missing.length > 0 && unexpected.length > 0 ? "; 'names' says what PyTorch calls a module" : "";
    throw new Error(
      `[fromPyTorch] the state dictionary doesn't fit the model, nothing was changed${advice}:${lines.join("")}`,
    );
  }
  const ours = values.map(({ path, tensor, channels, pixels, value }) => {
    return [path, { shape: tensor.shape, data: transposed(value.data, channels, pixels) }] as const;
  });
  loadTensors("fromPyTorch", model.stateDict(), Object.fromEntries(ours));
}

/** See `toPyTorch`. */
export async function pyTorchState(
  model: Module,
  options: PyTorchOptions,
): Promise<Record<string, { readonly shape: Shape; readonly data: HostArray }>> {
  const entries = correspondences("toPyTorch", model, options).map(
    async ({ tensor, name, shape, pixels, channels }) => {
      const data = transposed(await tensor.data<HostArray>(), pixels, channels);
      return [name, { shape, data }] as const;
    },
  );
  return Object.fromEntries(await Promise.all(entries));
}

function correspondences(
  op: string,
  model: Module,
  { names = {}, flattened = {} }: PyTorchOptions,
): Correspondence[] {
  const modules = new Map(model.namedModules());
  for (const path of Object.keys(names))
    if (!modules.has(path))
      throw new Error(`[${op}] 'names' has '${path}', but the model has no such module`);
  for (const path of Object.keys(flattened))
    if (!(modules.get(path) instanceof Linear))
      throw new Error(`[${op}] 'flattened' has '${path}', but the model has no such linear layer`);

  /** Of the convolution before, unless a linear layer follows it. */
  let depth: number | undefined;
  return Object.entries(model.stateDict()).map(([path, tensor]) => {
    const [owner, leaf] = split(path);
    const module = modules.get(owner);
    const [out = 0, ...rest] = tensor.shape;
    const name = joined(
      renamed(owner, names),
      module instanceof BatchNorm ? (batchNormNames[leaf] ?? leaf) : leaf,
    );
    if (module instanceof Conv2d && leaf === "weight") {
      depth = out;
      const [height = 0, width = 0, channels = 0] = rest;
      return { path, tensor, name, shape: [out, channels, height, width], pixels: height * width, channels };
    }
    let pixels = 1;
    if (module instanceof Linear && leaf === "weight") {
      pixels = pixelsOf(op, owner, rest[0] ?? 0, flattened[owner], depth);
      depth = undefined;
    }
    return { path, tensor, name, shape: tensor.shape, pixels, channels: (rest[0] ?? 1) / pixels };
  });
}

/** Of the image that a linear layer gets flattened, 1 if it gets none. */
function pixelsOf(
  op: string,
  path: string,
  inputs: number,
  image: readonly [number, number] | undefined,
  depth: number | undefined,
): number {
  if (image) {
    const pixels = image[0] * image[1];
    if (Number.isInteger(inputs / pixels)) return pixels;
    throw new Error(
      `[${op}] 'flattened' has ${formatShape(image)} for '${path}', but that must divide its ${inputs} inputs`,
    );
  }
  if (depth === undefined || depth === inputs || inputs % depth !== 0) return 1;
  throw new Error(
    `[${op}] '${path}' has ${inputs} inputs behind ${depth} channels: give height and width of the images that it gets flattened, as ` +
      `flattened: { ${JSON.stringify(path)}: [height, width] }; [1, 1] if it gets none`,
  );
}

/** A path whose longest named part gave way to its name. */
function renamed(path: string, names: Readonly<Record<string, string>>): string {
  let [part, rest] = [path, ""];
  while (!Object.hasOwn(names, part)) {
    if (part === "") return path;
    const [outer, last] = split(part);
    part = outer;
    rest = joined(last, rest);
  }
  return joined(names[part] ?? "", rest);
}

/** All but the last name of a path, and that. */
function split(path: string): [string, string] {
  const at = path.lastIndexOf(".");
  return [path.slice(0, Math.max(at, 0)), path.slice(at + 1)];
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(".");
}

/** `[out, rows, columns]` as `[out, columns, rows]`. */
function transposed<T extends HostData | readonly number[]>(values: T, rows: number, columns: number): T {
  if (rows === 1 || columns === 1) return values;
  const result = values.slice();
  values.forEach((value, k) => {
    const [row, column] = [Math.floor(k / columns) % rows, k % columns];
    result[k - (k % (rows * columns)) + column * rows + row] = value;
  });
  return result as T;
}
