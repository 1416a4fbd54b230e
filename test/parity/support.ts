/** What the comparisons with PyTorch share: the formulas of make_fixtures.py, and errors as multiples of PyTorch float32's own. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Gpu, Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";

/** What make_fixtures.py calls `initialise`; a frozen gamma is 1. */
export function initialValues(
  { shape, size, name, requiresGrad }: Tensor,
  index: number,
): Float32Array<ArrayBuffer> {
  const values = noise(size, index + 1);
  const fanIn = shape.slice(1).reduce((product, extent) => product * extent, 1);
  if (shape.length > 1) return values.map((value) => value * Math.sqrt(3 / fanIn));
  if (!name.endsWith("gamma")) return values.map((value) => 0.1 * value);
  return values.map((value) => 1 + (requiresGrad ? 0.1 * value : 0));
}

/** What make_fixtures.py calls `batch_of`. */
export function batchOf(on: Gpu, step: number, size: number) {
  const images = on.tensor(noise(size * 32 * 32 * 3, 1000 + step), [size, 32, 32, 3]);
  return { images, labels: Int32Array.from({ length: size }, (_, row) => (37 * step + 11 * row) % 100) };
}

export function norm(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
}

export function relativeL2(values: ArrayLike<number>, reference: ArrayLike<number>): number {
  return norm(Array.from(reference, (value, k) => (values[k] ?? Number.NaN) - value)) / norm(reference);
}

/** PyTorch's results by name, in float64, in the order of the file. */
export class StepFixture {
  readonly batch: number;
  readonly #results = new Map<
    string,
    { readonly shape: readonly number[]; readonly error: number; readonly truth: Float32Array }
  >();

  constructor(name: string) {
    const file = (extension: string) =>
      readFileSync(new URL(`fixtures/${name}.${extension}`, import.meta.url));
    const { batch, results } = JSON.parse(file("json").toString()) as {
      readonly batch: number;
      readonly results: readonly {
        readonly name: string;
        readonly shape: readonly number[];
        readonly error: number;
      }[];
    };
    const values = new Float32Array(Uint8Array.from(file("bin")).buffer);
    this.batch = batch;
    let offset = 0;
    for (const { name, shape, error } of results) {
      const size = shape.reduce((product, extent) => product * extent, 1);
      this.#results.set(name, { shape, error, truth: values.subarray(offset, offset + size) });
      offset += size;
    }
  }

  get names(): readonly string[] {
    return [...this.#results.keys()];
  }

  /** The error as a multiple of PyTorch float32's, which is half a unit in the last place at least. */
  async ratio(name: string, value: Tensor | null): Promise<number> {
    const result = this.#results.get(name);
    expect(value?.shape, name).toEqual(result?.shape);
    const error = relativeL2((await value?.data()) ?? [], result?.truth ?? []);
    return error / Math.max(result?.error ?? 0, 2 ** -24);
  }
}
