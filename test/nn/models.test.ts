/** ResNet-20 and the MLP: counts, start, errors. Their training is compared with PyTorch's in test/parity. */
import { describe, expect, it } from "vitest";
import { nn, optim, softmaxCrossEntropy, type Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";

const count = (model: nn.Module) => model.parameters().reduce((sum, { size }) => sum + size, 0);
const images = () => gpu.tensor(noise(4 * 3072, 1), [4, 32, 32, 3]);

const cases: readonly { name: string; make: (seed: number) => nn.ResNet | nn.Mlp }[] = [
  { name: "resnet20", make: (seed) => nn.resnet20(gpu, { width: 1 / 8, classes: 5, seed }) },
  { name: "mlp", make: (seed) => nn.mlp(gpu, { in: 3072, hidden: [8], out: 5, seed }) },
];

describe.each(cases)("nn.$name", ({ make }) => {
  it("gives logits for images and for batches", async () => {
    const model = make(0);
    const logits = model.forward(images());
    expect(logits.shape).toEqual([4, 5]);
    expect(await model.forward({ images: images() }).data()).toEqual(await logits.data());
  });

  it("starts and learns the same with the same seed, eager as recorded, otherwise with another", async () => {
    const run = async (seed: number, recorded: boolean) => {
      const model = make(seed);
      const optimizer = optim.sgd(model.parameters(), { lr: 0.05 });
      const body = (x: Tensor, labels: Tensor) => {
        const loss = softmaxCrossEntropy(model.forward(x, { training: true }), labels);
        loss.backward();
        optimizer.step();
        return loss;
      };
      const step = recorded ? gpu.record(body) : body;
      const labels = gpu.tensor(Int32Array.of(0, 2, 4, 1), [4]);
      const losses: number[] = [];
      for (let k = 0; k < 4; k++) losses.push(await step(images(), labels).item());
      return losses;
    };
    const losses = await run(3, false);
    expect(losses.at(-1)).toBeLessThan(0.9 * (losses[0] ?? 0));
    expect(await run(3, true)).toEqual(losses);
    expect(await run(4, false)).not.toEqual(losses);
  });
});

describe("nn.resnet20", () => {
  it("has 278,324 parameters, as PyTorch's with projections", () => {
    expect(count(nn.resnet20(gpu))).toBe(278_324);
    expect(count(nn.resnet20(gpu, { classes: 10 }))).toBe(272_474);
  });

  it("keeps its running statistics in one buffer", () => {
    const buffers = nn.resnet20(gpu, { width: 1 / 16 }).namedBuffers();
    expect(buffers).toHaveLength(2 * 21);
    expect(new Set(buffers.map(([, { buffer }]) => buffer)).size).toBe(1);
  });

  it("says what is wrong with its arguments", () => {
    expect(() => nn.resnet20(gpu, { width: 0.3 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [resnet20] 'width' must be a positive multiple of 1/16, so that 16 x width channels are an integer, but got 0.3]`,
    );
    expect(() => nn.resnet20(gpu, { classes: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [resnet20] 'classes' must be a positive integer, but got 0]`,
    );
    const model = nn.resnet20(gpu, { width: 1 / 16 });
    expect(() => model.forward(gpu.zeros([2, 28, 28, 1]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [resnet20] 'images' must be [N, 32, 32, 3], but got [2, 28, 28, 1] (in ResNet)]`,
    );
  });
});

describe("nn.mlp", () => {
  it("is linear without hidden layers", async () => {
    const model = nn.mlp(gpu, { in: 2, hidden: [], out: 1 });
    model.loadStateDict({
      "layers.0.weight": { shape: [1, 2], data: [2, -3] },
      "layers.0.bias": { shape: [1], data: [10] },
    });
    expect(await model.forward(gpu.tensor([1, 2, -1, 1], [2, 2])).data()).toEqual(Float32Array.of(6, 5));
  });

  it("says what is wrong with its arguments", () => {
    expect(() => nn.mlp(gpu, { in: 0, hidden: [], out: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [mlp] 'in' must be a positive integer, but got 0]`,
    );
    expect(() => nn.mlp(gpu, { in: 4, hidden: [3, 1.5], out: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [mlp] 'hidden' must be a positive integer, but got 1.5]`,
    );
    expect(() => nn.mlp(gpu, { in: 4, hidden: [], out: Number.NaN })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [mlp] 'out' must be a positive integer, but got NaN]`,
    );
    const model = nn.mlp(gpu, { in: 4, hidden: [3], out: 2 });
    expect(() => model.forward(gpu.zeros([2, 5]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [matmul] 'b' must have 5 columns (transposeB) to match a [2, 5], but got [3, 4]; check the shapes, or whether one is to be transposed (in layers.0)]`,
    );
  });
});
