/** What the comparisons with PyTorch share: the formulas of make_fixtures.py, and errors as multiples of PyTorch float32's own. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Gpu, nn, Tensor } from "wgrad";
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

interface Result {
  readonly name: string;
  readonly shape: readonly number[];
  /** What an error is relative to. */
  readonly norm: number;
  /** PyTorch float32's. */
  readonly error: number;
}

/** PyTorch's results in float64 and the errors of its float32, as step_fixture.py writes them. */
export class StepFixture {
  readonly batch: number;
  readonly #results: readonly Result[];
  readonly #truth: Float32Array;

  constructor(name: string) {
    const file = (extension: string) =>
      readFileSync(new URL(`fixtures/${name}.${extension}`, import.meta.url));
    const { batch, results } = JSON.parse(file("json").toString()) as {
      readonly batch: number;
      readonly results: readonly Result[];
    };
    this.batch = batch;
    this.#results = results;
    this.#truth = new Float32Array(Uint8Array.from(file("bin")).buffer);
  }

  /** Expects all results, each with at most three times the error of PyTorch's float32, or three roundings. */
  expectAll(values: ReadonlyMap<string, ArrayLike<number>>): void {
    expect([...values.keys()]).toEqual(this.#results.map(({ name }) => name));
    let offset = 0;
    for (const { name, shape, norm: unit, error: theirs } of this.#results) {
      const size = shape.reduce((product, extent) => product * extent, 1);
      const truth = this.#truth.subarray(offset, offset + size);
      offset += size;
      const error =
        norm(Array.from(truth, (value, k) => (values.get(name)?.[k] ?? Number.NaN) - value)) / unit;
      expect(error / Math.max(theirs, 2 ** -24), `${name}: error / PyTorch float32's`).toBeLessThanOrEqual(3);
    }
    expect(offset).toBe(this.#truth.length);
  }
}

/** The values of a model's running statistics by step_fixture.py's names. */
export async function runningStatistics(model: nn.Module): Promise<Map<string, Float32Array>> {
  const names = model.namedBuffers().map((_, k) => `${k % 2 ? "variance" : "mean"} ${Math.floor(k / 2)}`);
  const values = await Promise.all(model.namedBuffers().map(([, statistics]) => statistics.data()));
  return new Map(names.map((name, k) => [name, values[k] ?? new Float32Array()]));
}
