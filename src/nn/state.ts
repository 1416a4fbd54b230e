/** Named tensors as saved state: checked as a whole, then copied in. */
import { findNoNumber, kindOf } from "../tensor/kind.ts";
import { formatShape, type Shape, sameShape, sizeOf } from "../tensor/shape.ts";
import { type HostData, Tensor } from "../tensor/tensor.ts";

/** Live tensors by name. */
export type StateDict = Record<string, Tensor>;

/** A value to load: a tensor of the same GPU, or host data, row-major. */
export type StateValue = Tensor | { readonly shape: Shape; readonly data: HostData | readonly number[] };
/** Values by the names of a state dict. */
export type StateValues = Readonly<Record<string, StateValue>>;

/**
 * Copies `values` into the tensors of the same names.
 * @throws Error that lists all missing, unexpected and mismatched names; then nothing was changed
 */
export function loadTensors(op: string, targets: Readonly<StateDict>, values: StateValues): void {
  const pairs = matchTensors(op, targets, values);

  // WebGPU can't copy within a buffer, and a source may be a target too: those take a detour.
  const buffers = new Set(pairs.map(({ target }) => target.buffer));
  const copies = pairs.map(({ target, value }) => {
    if (!(value instanceof Tensor) || !buffers.has(value.buffer)) return { target, value };
    const detour = value.gpu.temporary(value.shape, value.dtype);
    value.device.stream.copy(value, detour);
    return { target, value: detour, detour };
  });
  for (const { target, value, detour } of copies) {
    if (value instanceof Tensor) {
      target.device.stream.copy(value, target);
      target.storage.version += 1;
    } else {
      target.write(value.data);
    }
    detour?.claim.release(op);
  }
}

/**
 * Each target with the value of its name.
 * @throws Error that lists all missing, unexpected and mismatched names
 */
export function matchTensors(
  op: string,
  targets: Readonly<StateDict>,
  values: StateValues,
): { readonly target: Tensor; readonly value: StateValue }[] {
  const missing = Object.keys(targets).filter((name) => !Object.hasOwn(values, name));
  const unexpected = Object.keys(values).filter((name) => !Object.hasOwn(targets, name));
  const pairs = Object.entries(targets).flatMap(([name, target]) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    return value ? [{ name, target, value }] : [];
  });
  const mismatched = pairs.flatMap(({ name, target, value }) => {
    const reason = mismatch(target, value);
    return reason ? [`${name} ${reason}`] : [];
  });
  const problems = Object.entries({ missing, unexpected, mismatched }).filter(([, list]) => list.length > 0);
  if (problems.length > 0) {
    const lines = problems.map(
      ([kind, list]) => `\n  ${kind}: ${list.join(kind === "mismatched" ? "; " : ", ")}`,
    );
    throw new Error(`[${op}] the state doesn't fit, nothing was changed:${lines.join("")}`);
  }
  return pairs;
}

/** Why a value can't be copied into a tensor, if it can't. */
function mismatch(target: Tensor, value: StateValue): string | undefined {
  const wanted = `must be ${target.dtype} ${formatShape(target.shape)}`;
  if (value instanceof Tensor) {
    if (value.isReleased) return `was released by ${value.claim.releasedBy}`;
    if (value.gpu !== target.gpu) return "is on another GPU: pass its shape and data()";
  }
  if (!Array.isArray(value.shape)) return `${wanted}, but got ${kindOf(value)} without a shape`;
  const dtype = value instanceof Tensor ? value.dtype : hostType(value.data, target);
  if (dtype !== target.dtype || !sameShape(value.shape, target.shape))
    return `${wanted}, but got ${dtype} ${formatShape(value.shape)}`;
  if (!(value instanceof Tensor) && value.data.length !== sizeOf(value.shape))
    return `${wanted}, but got ${value.data.length} elements`;
  return undefined;
}

function hostType(data: HostData | readonly number[], target: Tensor): string {
  if (data instanceof Float32Array) return "f32";
  if (data instanceof Int32Array) return "i32";
  if (data instanceof Uint32Array) return "u32";
  return Array.isArray(data) && !findNoNumber(data)
    ? target.dtype
    : "something else than an array of numbers for";
}
