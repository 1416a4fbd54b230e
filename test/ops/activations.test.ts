/** Activations, clamp, softmax, maximum and where: PyTorch's values, special values, relative accuracy, errors. */
import { describe, expect, it } from "vitest";
import {
  clamp,
  leakyRelu,
  logSoftmax,
  maximum,
  mul,
  nn,
  sigmoid,
  silu,
  softmax,
  sum,
  type Tensor,
  tanh,
  where,
} from "wgrad";
import { activationReference } from "wgrad/testing";
import { gpu } from "../support/gpu.ts";

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
const leaf = (data: number[], shape?: number[]) => gpu.tensor(data, shape, { requiresGrad: true });
const gradientOf = async (x: Tensor) => [...((await x.grad?.data()) ?? [])];

/** Value and slope at each x. */
async function both(op: (x: Tensor) => Tensor, points: number[]) {
  const x = leaf(points);
  const y = op(x).keep();
  sum(y).backward();
  return { y: [...(await y.data())], dx: await gradientOf(x) };
}

function expectClose(got: number[], want: readonly number[]): void {
  for (const [k, value] of want.entries()) expect(got[k]).toBeCloseTo(value, 6);
}

describe("PyTorch's values", () => {
  // In float64, PyTorch 2.13, rounded to eight places.
  const points = [-20, -5, -1.5, -0.3, 0, 1e-4, 0.3, 0.7, 2, 9];
  const rows: readonly [string, (x: Tensor) => Tensor, readonly number[], readonly number[]][] = [
    [
      "leakyRelu",
      (x) => leakyRelu(x, { slope: 0.2 }),
      [-4, -1, -0.3, -0.06, 0, 0.0001, 0.3, 0.7, 2, 9],
      [0.2, 0.2, 0.2, 0.2, 0.2, 1, 1, 1, 1, 1],
    ],
    [
      "sigmoid",
      sigmoid,
      [0, 0.00669285, 0.18242552, 0.42555748, 0.5, 0.500025, 0.57444252, 0.66818777, 0.88079708, 0.99987661],
      [0, 0.00664806, 0.14914645, 0.24445831, 0.25, 0.25, 0.24445831, 0.22171287, 0.10499359, 0.00012338],
    ],
    [
      "silu",
      silu,
      [-4e-8, -0.03346425, -0.27363829, -0.12766724, 0, 5e-5, 0.17233276, 0.46773144, 1.76159416, 8.99888945],
      [
        -4e-8, -0.02654743, -0.04129415, 0.35221999, 0.5, 0.50005, 0.64778001, 0.82338678, 1.09078425,
        1.00098702,
      ],
    ],
    [
      "tanh",
      tanh,
      [-1, -0.9999092, -0.90514825, -0.29131261, 0, 0.0001, 0.29131261, 0.60436778, 0.96402758, 0.99999997],
      [0, 0.00018158, 0.18070664, 0.91513696, 1, 0.99999999, 0.91513696, 0.63473959, 0.07065082, 6e-8],
    ],
    [
      "clamp",
      (x) => clamp(x, { min: -1.5, max: 0.7 }),
      [-1.5, -1.5, -1.5, -0.3, 0, 0.0001, 0.3, 0.7, 0.7, 0.7],
      // The float32 nearest to 0.7 is both x and bound.
      [0, 0, 1, 1, 1, 1, 1, 1, 0, 0],
    ],
  ];
  for (const [name, op, values, slopes] of rows) {
    it(`of ${name}`, async () => {
      const { y, dx } = await both(op, points);
      expectClose(y, values);
      expectClose(dx, slopes);
    });
  }

  it("of softmax and logSoftmax", async () => {
    const x = leaf([1, 2, 4, 0, -3, 100], [2, 3]);
    const y = softmax(x).keep();
    sum(mul(y, gpu.tensor([1, -2, 0.5]))).backward();
    expectClose([...(await y.data())], [0.04201007, 0.1141952, 0.84379473, 0, 0, 1]);
    expectClose(await gradientOf(x), [0.03211598, -0.25528531, 0.22316933, 0, 0, 0]);
    const logarithms = logSoftmax(x).keep();
    sum(mul(logarithms, gpu.tensor([1, -2, 0.5]))).backward();
    expectClose([...(await logarithms.data())], [-3.16984602, -2.16984602, -0.16984602, -100, -103, 0]);
    expectClose(await gradientOf(x), [1.02100503, -1.9429024, 0.92189737, 1, -2, 1]);
  });

  it("of maximum, with half of the gradient to each where both are equal, and all to each at NaN", async () => {
    const [a, b] = [leaf([1, 2, 3, nan, 5]), leaf([2, 2, 1, 1, nan])];
    const y = maximum(a, b).keep();
    sum(y).backward();
    expect([...(await y.data())]).toEqual([2, 2, 3, nan, nan]);
    expect(await gradientOf(a)).toEqual([0, 0.5, 1, 1, 1]);
    expect(await gradientOf(b)).toEqual([1, 0.5, 0, 1, 1]);
  });
});

describe("special values", () => {
  const points = [nan, infinity, -infinity, -0];
  const low = Math.fround(0.01);
  const rows: readonly [string, (x: Tensor) => Tensor, readonly number[], readonly number[]][] = [
    ["leakyRelu", leakyRelu, [nan, infinity, -infinity, -0], [low, 1, low, low]],
    ["sigmoid", sigmoid, [nan, 1, 0, 0.5], [nan, 0, 0, 0.25]],
    ["silu", silu, [nan, infinity, 0, 0], [nan, 1, 0, 0.5]],
    ["tanh", tanh, [nan, 1, -1, -0], [nan, 0, 0, 1]],
    ["clamp", (x) => clamp(x, { min: -1 }), [nan, infinity, -1, -0], [0, 1, 0, 1]],
  ];
  for (const [name, op, values, slopes] of rows) {
    it(`of ${name}`, async () => {
      const { y, dx } = await both(op, points);
      expect(y.map((value) => value + 0)).toEqual(values.map((value) => value + 0));
      expect(dx).toEqual(slopes);
    });
  }

  it("don't leak from where they aren't chosen", async () => {
    const [a, b] = [leaf([1, nan, 3]), leaf([infinity, 5, nan])];
    const y = where(gpu.tensor(Int32Array.of(1, 0, -1)), a, b).keep();
    sum(mul(y, gpu.tensor([nan, 2, 3]))).backward();
    expect([...(await y.data())]).toEqual([1, 5, 3]);
    expect(await gradientOf(a)).toEqual([nan, 0, 3]);
    expect(await gradientOf(b)).toEqual([0, 2, 0]);
  });
});

it("sigmoid, SiLU and tanh are right relative to themselves where they're small", async () => {
  const downwards = Float32Array.from({ length: 5000 }, (_, k) => -k / 60);
  for (const [name, op, x, allowed] of [
    ["sigmoid", sigmoid, downwards, 6e-6],
    ["silu", silu, downwards.slice(1), 6e-6],
    ["tanh", tanh, downwards.slice(1).map((value) => value / 50), 6e-7],
  ] as const) {
    const want = activationReference(name, x);
    const got = await op(gpu.tensor(x)).data();
    const errors = Array.from(got, (value, k) => Math.abs(value / (want[k] ?? 0) - 1));
    expect(Math.max(...errors), name).toBeLessThan(allowed);
  }
});

describe("where and maximum broadcast", () => {
  it("and sum gradients over broadcast axes", async () => {
    const [a, b] = [leaf([1, 2, 3, 4, 5, 6], [2, 3]), leaf([3, 4], [2, 1])];
    sum(maximum(a, b)).backward();
    expect(await gradientOf(a)).toEqual([0, 0, 0.5, 0.5, 1, 1]);
    expect(await gradientOf(b)).toEqual([2.5, 0.5]);
    sum(where(gpu.tensor([1, 0, 0]), a, b)).backward();
    expect(await gradientOf(a)).toEqual([1, 0, 0, 1, 0, 0]);
    expect(await gradientOf(b)).toEqual([2, 2]);
    expect([...(await where(gpu.tensor([0, 2]), 1, -1).data())]).toEqual([-1, 1]);
  });
});

it("layers are the ops", async () => {
  const x = gpu.tensor([-1, 0.5]);
  for (const [layer, op] of [
    [new nn.LeakyReLU({ slope: 0.3 }), (input: Tensor) => leakyRelu(input, { slope: 0.3 })],
    [new nn.SiLU(), silu],
    [new nn.Sigmoid(), sigmoid],
    [new nn.Tanh(), tanh],
  ] as const) {
    expect(await layer.forward(x).data()).toEqual(await op(x).data());
  }
});

describe("errors", () => {
  const x = gpu.zeros([2, 3]).keep();
  it("of options", () => {
    expect(() => leakyRelu(x, { slope: nan })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [leakyRelu] 'slope' must be a finite number, but got NaN]`,
    );
    expect(() => clamp(x, {})).toThrowErrorMatchingInlineSnapshot(
      `[Error: [clamp] needs 'min', 'max' or both, but got neither]`,
    );
    expect(() => clamp(x, { min: 1, max: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [clamp] 'min' must not be above 'max', but got 1 and 0]`,
    );
  });
  it("of shapes and types", () => {
    expect(() => softmax(gpu.zeros([]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [softmax] 'x' must have an axis, but got a scalar; reshape it to [1]]`,
    );
    expect(() => tanh(gpu.tensor(Int32Array.of(1)))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [tanh] 'x' must be an f32 tensor, but got tensor [1] of i32; make it from a Float32Array]`,
    );
    expect(() => where(x, gpu.zeros([2]), 0)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [where] shapes [2, 3] and [2] don't broadcast: aligned at the last axis, extents must be equal or 1]`,
    );
    expect(() => maximum(x, gpu.tensor(Int32Array.of(1)))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [maximum] 'b' must be an f32 tensor, but got tensor [1] of i32; make it from a Float32Array]`,
    );
    expect(() => maximum(1, 2)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [maximum] needs a tensor, but got two numbers: 1 and 2]`,
    );
  });
});
