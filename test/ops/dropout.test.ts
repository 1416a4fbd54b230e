import { describe, expect, it } from "vitest";
import { dropout } from "wgrad";
import { gpu } from "../support/gpu.ts";
import { dotLoss } from "../support/ops.ts";

describe("dropout", () => {
  it("keeps x / (1 - rate) or gives 0, and backward has the same mask", async () => {
    const count = 10_007;
    const x = gpu.tensor(new Float32Array(count).fill(3), [count], { requiresGrad: true });
    const y = dropout(x, { rate: 0.4, training: true, rng: gpu.rng(5) });
    const values = await y.data();
    expect(new Set(values)).toEqual(new Set([0, 5]));
    dotLoss(y, new Float32Array(count).fill(3)).backward();
    expect(await x.grad?.data()).toEqual(values);
  });
});
