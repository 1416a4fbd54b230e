/** Whole steps of small networks: they learn, repeat bit for bit, and need no more memory after 1,000 steps than after ten. */
import { describe, expect, it } from "vitest";
import { nn, optim, softmaxCrossEntropy, type Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { collectGarbage } from "../support/garbage.ts";
import { gpu } from "../support/gpu.ts";

class TinyNet extends nn.Module {
  readonly conv: nn.Conv2d;
  readonly norm = new nn.BatchNorm(gpu, { channels: 4 });
  readonly dropout: nn.Dropout;
  readonly pool = new nn.MaxPool2d({ size: 2 });
  readonly flatten = new nn.Flatten();
  readonly fc: nn.Linear;
  readonly relu = new nn.ReLU();

  constructor(seed: number, rate: number) {
    super();
    const init = nn.leCunNormal({ seed });
    this.conv = new nn.Conv2d(gpu, { in: 2, out: 4, size: 3, padding: 1, init });
    this.dropout = new nn.Dropout({ rate, rng: gpu.rng(seed) });
    this.fc = new nn.Linear(gpu, { in: 16, out: 3, init });
  }

  forward(x: Tensor, options: nn.ForwardOptions = {}): Tensor {
    const features = this.relu.forward(this.norm.forward(this.conv.forward(x), options));
    return this.fc.forward(this.flatten.forward(this.pool.forward(this.dropout.forward(features, options))));
  }
}

const images = () => gpu.tensor(noise(6 * 4 * 4 * 2, 3), [6, 4, 4, 2]);
const labels = Int32Array.of(0, 1, 2, 2, 1, 0);

function trainer(seed: number, rate: number) {
  const model = new TinyNet(seed, rate);
  const optimizer = optim.sgd(model.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 5e-4 });
  const x = images();
  const step = () => {
    const loss = softmaxCrossEntropy(model.forward(x, { training: true }), labels);
    loss.backward();
    optimizer.step();
    return loss;
  };
  return { model, x, step };
}

describe("training a small network", () => {
  it("learns six images by heart", async () => {
    const { model, x, step } = trainer(1, 0);
    const first = await step().item();
    for (let k = 0; k < 60; k++) step();
    expect(first).toBeGreaterThan(0.7);
    expect(await step().item()).toBeLessThan(0.05);
    expect(await softmaxCrossEntropy(model.forward(x), labels).item()).toBeLessThan(0.1);
  });

  it("repeats bit for bit with the same seed", async () => {
    const run = async (seed: number) => {
      const { model, step } = trainer(seed, 0.4);
      for (let k = 0; k < 5; k++) step();
      return Promise.all(Object.values(model.stateDict()).map((tensor) => tensor.data()));
    };
    const first = await run(7);
    expect(await run(7)).toEqual(first);
    expect(await run(8)).not.toEqual(first);
  });

  it("needs no more buffers or bytes after 1,000 steps, without any dispose", async () => {
    const { step } = trainer(1, 0.4);
    const steps = (count: number) => {
      for (let k = 1; k < count; k++) step();
      return step().item();
    };
    await collectGarbage();
    gpu.device.trim();
    await steps(10);
    await collectGarbage(); // The loss that was read.
    const before = gpu.memory;
    expect(await steps(1000)).toBeLessThan(1);
    expect(gpu.memory.buffers).toBe(before.buffers);
    expect(gpu.memory.bytes).toBe(before.bytes);
  });
});
