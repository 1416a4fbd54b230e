import { describe, expect, it } from "vitest";
import { mul, nn, sum } from "wgrad";
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
