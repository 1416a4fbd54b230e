/**
 * What a kernel family states about itself, once, for correctness tests and benchmarks: inputs, launch, reference in float64,
 * tolerance, work. `NAME.cases.ts` beside each family exports a list of these.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import type { KernelSource } from "../gpu/pipelines.ts";

export type HostValues = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
/** Inputs as the reference gets them, and outputs as it returns them. */
export type ReferenceValues = Readonly<Record<string, ArrayLike<number>>>;

export interface KernelCase {
  /** Family and parameters, such as `relu_forward [3, 5, 7, 2]`. */
  readonly name: string;
  /** Equal for cases of the same inputs and reference, such as the configurations of a family: benchmarks compute it once. */
  readonly problem?: string;
  /** The kernels that the launch runs. A kernel that no case covers fails a test. */
  readonly covers: readonly KernelSource[];
  /** Host data of each input; f32, i32 or u32 by its type. The same at every call. */
  inputs(): Readonly<Record<string, HostValues>>;
  /** Elements of each output, overwritten by the launch. An output named like an input starts with its values (updated in place). */
  readonly outputs: Readonly<Record<string, number>>;
  /** Outputs that hold i32 or u32 instead of f32. */
  readonly types?: Readonly<Record<string, "i32" | "u32">>;
  launch(device: Device, views: Readonly<Record<string, BufferView>>): void;
  /** The outputs computed in float64 from the float32 inputs. */
  reference(inputs: ReferenceValues): ReferenceValues;
  /** "exact", or the largest |error| relative to the largest |reference| of an output, and why it is that much. */
  readonly tolerance: "exact" | { readonly relative: number; readonly why: string };
  /** Why this case can't run on a device, if it can't. */
  skip?(device: Device): string | undefined;
  /** Worth timing: a shape of VGG, not an edge. */
  readonly bench?: boolean;
  /** Where a family has several configurations, the case that runs what it chooses: a cell of the table of `npm run bench -- --chosen`. */
  readonly chosen?: { readonly row: string; readonly column: string };
  readonly flops?: number;
  /** Bytes that must move at least: inputs once, outputs once. */
  readonly bytes?: number;
}

/** Reproducible values in [-1, 1) for inputs: a linear congruential generator's high bits. */
export function noise(count: number, seed = 1): Float32Array<ArrayBuffer> {
  let state = (seed * 2654435761) >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

export function view(views: Readonly<Record<string, BufferView>>, name: string): BufferView {
  const found = views[name];
  if (!found) throw new Error(`the case has no input or output '${name}'`);
  return found;
}

export function values(inputs: ReferenceValues, name: string): ArrayLike<number> {
  const found = inputs[name];
  if (!found) throw new Error(`the case has no input '${name}'`);
  return found;
}
