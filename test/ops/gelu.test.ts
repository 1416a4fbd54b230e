/** gelu: accuracy over its whole range, PyTorch's values, special values. */
import { describe, expect, it } from "vitest";
import { gelu, nn, sum } from "wgrad";
import { geluBackwardReference, geluForwardReference } from "wgrad/testing";
import { gpu } from "../support/gpu.ts";

/** Value and slope at each x. */
async function both(points: Float32Array<ArrayBuffer> | number[]) {
  const x = gpu.tensor(Float32Array.from(points), [points.length], { requiresGrad: true });
  const y = gelu(x).keep();
  sum(y).backward();
  return { y: [...(await y.data())], dx: [...((await x.grad?.data()) ?? [])] };
}

describe("gelu's errors stay within what the kernel states", () => {
  const count = 20_000;
  const sweep = (low: number, high: number) =>
    Float32Array.from({ length: count }, (_, k) => low + ((high - low) * k) / count);
  // Lavapipe's exp is 4e-7 off, relatively.
  for (const [low, high, relative] of [
    [-1e-3, 0, 1e-6],
    [-4, -1e-3, 1.2e-6],
    [-6, -4, 2.5e-6],
    [-12.4, -6, 9e-6],
    [1e-3, 12, 6e-7],
  ] as const) {
    it(`y between ${low} and ${high}: ${relative} of itself`, async () => {
      const x = sweep(low, high);
      const want = geluForwardReference(x);
      const { y } = await both(x);
      const errors = y.map((value, k) => Math.abs(value / (want[k] ?? 0) - 1));
      expect(Math.max(...errors)).toBeLessThan(relative);
    });
  }
  it("the slope: 3e-7", async () => {
    const x = sweep(-13, 13);
    const want = geluBackwardReference(x, new Float32Array(count).fill(1));
    const { dx } = await both(x);
    expect(Math.max(...dx.map((value, k) => Math.abs(value - (want[k] ?? 0))))).toBeLessThan(3e-7);
  });
});

it("gelu gives PyTorch's values", async () => {
  // torch.nn.functional.gelu and its gradient in float64, PyTorch 2.13, rounded to eight places.
  const rows = [
    [-5, -0.00000143, -0.00000715],
    [-3, -0.00404969, -0.01194565],
    [-1.5, -0.1002108, -0.12746919],
    [-0.75, -0.16997051, 0.00077428],
    [-0.1, -0.04601722, 0.42047681],
    [0, 0, 0.5],
    [0.1, 0.05398278, 0.57952309],
    [0.75, 0.58002949, 0.99922572],
    [1.5, 1.3997892, 1.12746919],
    [3, 2.99595031, 1.01194565],
    [8, 8, 1],
  ] as const;
  const { y, dx } = await both(rows.map(([x]) => x));
  for (const [k, [, value, slope]] of rows.entries()) {
    expect(y[k]).toBeCloseTo(value, 6);
    expect(dx[k]).toBeCloseTo(slope, 6);
  }
});

it("gelu keeps NaN and -0, and takes limits at the infinities", async () => {
  const infinity = Number.POSITIVE_INFINITY;
  const { y, dx } = await both([Number.NaN, -0, infinity, -infinity, 3e38, -3e38]);
  expect(y).toEqual([Number.NaN, -0, infinity, 0, Math.fround(3e38), 0]);
  expect(dx).toEqual([Number.NaN, 0.5, 1, 0, 1, 0]);
});

it("gelu refuses integers", () => {
  expect(() => gelu(gpu.tensor(Int32Array.of(1)))).toThrowErrorMatchingInlineSnapshot(
    `[Error: [gelu] 'x' must be an f32 tensor, but got tensor [1] of i32; make it from a Float32Array]`,
  );
});

it("nn.GELU is gelu", async () => {
  const x = gpu.tensor([-1, 0.5]);
  expect(await new nn.GELU().forward(x).data()).toEqual(await gelu(x).data());
});
