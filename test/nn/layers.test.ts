import { describe, expect, it } from "vitest";
import { mul, nn, sum, type Tensor } from "wgrad";
import { gpu } from "../support/gpu.ts";

describe("nn.BatchNorm", () => {
  it.each([true, false])("trains gamma: %s", async (trainGamma) => {
    const norm = new nn.BatchNorm(gpu, { channels: 2, trainGamma });
    expect(norm.namedParameters().map(([name]) => name)).toEqual(["gamma", "beta"]);
    expect(norm.gamma.requiresGrad).toBe(trainGamma);
    const x = gpu.tensor(Float32Array.of(1, 2, 3, 5, 8, 13), [3, 2], { requiresGrad: true });
    const y = norm.forward(x, { training: true });
    sum(mul(y, gpu.tensor(Float32Array.of(1, 2, 3, 4, 5, 7), [3, 2]))).backward();
    expect(norm.gamma.grad !== null).toBe(trainGamma);
    expect(await norm.gamma.data()).toEqual(Float32Array.of(1, 1));
    expect(await norm.beta.grad?.data()).toEqual(Float32Array.of(9, 13));
  });
});

describe("nn.Linear", () => {
  it("of more than the adapter can hold is refused before the host's memory is filled", () => {
    expect(() => new nn.Linear(gpu, { in: 2 ** 22, out: 2 ** 22 })).toThrow(
      "[memory] 'weight [4194304, 4194304]' needs a buffer of 70,368,744,177,664 bytes, but this adapter's limit is ",
    );
  });
});

describe("nn.Dropout", () => {
  class Net extends nn.Module {
    readonly layers: readonly nn.Dropout[];
    constructor(seed: number, count: number) {
      super();
      const rng = gpu.rng(seed);
      this.layers = Array.from({ length: count }, () => new nn.Dropout({ rate: 0.5, rng }));
    }
    forward(x: Tensor, options: nn.ForwardOptions): Tensor[] {
      return this.layers.map((layer) => layer.forward(x, options));
    }
  }

  /** What each layer makes of ones, in five training steps. */
  async function outputs(model: Net): Promise<Float32Array[]> {
    const found: Float32Array[] = [];
    for (let step = 0; step < 5; step++)
      for (const y of model.forward(gpu.full([10_000], 1), { training: true })) found.push(await y.data());
    return found;
  }

  it("drops other units in each step, layer and seed, and the same again in a second model (Paddle 17913)", async () => {
    const seven = await outputs(new Net(7, 1));
    for (const masks of [[...seven, ...(await outputs(new Net(8, 1)))], await outputs(new Net(7, 2))]) {
      expect(masks).toHaveLength(10);
      masks.forEach((a, k) => {
        expect(new Set(a)).toEqual(new Set([0, 2]));
        for (const b of masks.slice(k + 1)) {
          const agreed = a.filter((value, place) => value === b[place]).length / 10_000;
          expect(Math.abs(agreed - 0.5)).toBeLessThan(0.025);
        }
      });
    }
    expect(await outputs(new Net(7, 1))).toEqual(seven);
  });
});
