/** A step that was precompiled computes what it computes without. */
import { expect, it } from "vitest";
import { createGpu, matmul, mul, optim, sum, type Tensor } from "wgrad";
import { gpu } from "../support/gpu.ts";

// A Gpu of its own, on the same device: nothing was computed on it yet.
const fresh = await createGpu({ device: gpu.device.raw });

it("leaves the first backward() its gradient, though the step was traced before", async () => {
  const weight = fresh.tensor([2, 3], [1, 2], { requiresGrad: true });
  const input = fresh.tensor([5, 7], [1, 2]);
  const step = (): Tensor => {
    const loss = matmul(input, weight, { transposeB: true });
    loss.backward();
    return loss;
  };
  await fresh.precompile(step);
  expect(await step().data()).toEqual(new Float32Array([31]));
  expect(await weight.grad?.data()).toEqual(new Float32Array([5, 7]));
});

it("leaves no gradient behind to which the first backward() would add", async () => {
  const weight = fresh.tensor([2, 3], [2], { requiresGrad: true });
  const step = () => sum(mul(weight, weight)).backward({ accumulate: true });
  await fresh.precompile(step);
  expect(weight.grad).toBeNull();
  step();
  expect(await weight.grad?.data()).toEqual(new Float32Array([4, 6]));
  step();
  expect(await weight.grad?.data()).toEqual(new Float32Array([8, 12]));
});

it("executes nothing of a recorded step either, before its first call and after", async () => {
  const weight = fresh.tensor([2, 3], [2], { requiresGrad: true });
  const optimizer = optim.sgd([weight], { lr: 0.5 });
  const step = fresh.record((x: Tensor) => {
    sum(mul(weight, x)).backward();
    optimizer.step();
  });
  const precompile = () => fresh.precompile(() => step(Float32Array.of(2, 4)));
  await precompile();
  expect(await weight.data()).toEqual(new Float32Array([2, 3]));
  step(Float32Array.of(2, 4));
  await precompile();
  expect(await weight.data()).toEqual(new Float32Array([1, 1]));
});

it("leaves nothing behind of what a step returns", async () => {
  const input = fresh.tensor([5, 7], [1, 2]);
  const step = () => mul(input, input);
  await fresh.precompile(step);
  const { usedBytes } = fresh.memory;
  for (let k = 0; k < 10; k++) await fresh.precompile(step);
  expect(fresh.memory.usedBytes).toBe(usedBytes);
});
