import { describe, expect, it } from "vitest";
import { maxPool2d } from "wgrad";
import { gpu } from "../support/gpu.ts";
import { dotLoss } from "../support/ops.ts";

describe("maxPool2d", () => {
  it("starts from the first element (tfjs 4854)", async () => {
    for (const scale of [1, 1e30, Number.POSITIVE_INFINITY]) {
      const x = gpu.tensor(
        [-1, -2, -3, -4].map((v) => v * scale),
        [1, 2, 2, 1],
        { requiresGrad: true },
      );
      const y = maxPool2d(x, { size: 2 });
      expect(await y.data()).toEqual(new Float32Array([-scale]));
      dotLoss(y, new Float32Array([1])).backward();
      expect(await x.grad?.data()).toEqual(new Float32Array([1, 0, 0, 0]));
    }
  });
});
