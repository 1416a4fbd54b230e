/** VGG as FIELD.md states it: counts, names, order, shapes of its outputs. */
import { describe, expect, it } from "vitest";
import { nn, softmaxCrossEntropy } from "wgrad";
import { gpu } from "../support/gpu.ts";

const count = (tensors: readonly { readonly size: number }[]) =>
  tensors.reduce((sum, { size }) => sum + size, 0);

describe("nn.vgg", () => {
  it("has 15,033,280 parameters at width 1, 9,472 of them BatchNorm's, initialised by LeCunNormal", async () => {
    const model = nn.vgg(gpu);
    const named = model.namedParameters();
    expect(count(model.parameters())).toBe(15_033_280);
    const norms = named.filter(([name]) => name.endsWith(".gamma") || name.endsWith(".beta"));
    expect(count(norms.map(([, tensor]) => tensor))).toBe(9_472);
    for (const [name, weight] of named.filter(([path]) => path.endsWith(".weight"))) {
      const values = await weight.data();
      const fanIn = weight.size / (weight.shape[0] ?? 1);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
      // Five standard errors of a normal sample's mean and variance.
      expect(Math.abs(mean), `${name}: mean`).toBeLessThan(5 / Math.sqrt(fanIn * weight.size));
      expect(Math.abs(variance * fanIn - 1), `${name}: variance`).toBeLessThan(
        5 * Math.sqrt(2 / weight.size),
      );
    }
    for (const parameter of model.parameters()) parameter.claim.release("the test");
    for (const [, statistics] of model.namedBuffers()) statistics.claim.release("the test");
  });

  it("names its parameters by their place, in model order", () => {
    const model = nn.vgg(gpu, { width: 1 / 64, classes: 7 });
    const shapes = model.namedParameters().map(([name, { shape }]) => `${name} ${shape.join("x")}`);
    expect([...shapes.slice(0, 9), ...shapes.slice(-5)]).toMatchInlineSnapshot(`
      [
        "stage1.0.conv.weight 1x3x3x3",
        "stage1.0.norm.gamma 1",
        "stage1.0.norm.beta 1",
        "stage1.1.conv.weight 1x3x3x1",
        "stage1.1.norm.gamma 1",
        "stage1.1.norm.beta 1",
        "stage2.0.conv.weight 2x3x3x1",
        "stage2.0.norm.gamma 2",
        "stage2.0.norm.beta 2",
        "stage5.2.norm.beta 8",
        "head.fc1.weight 8x8",
        "head.norm.gamma 8",
        "head.norm.beta 8",
        "head.fc2.weight 7x8",
      ]
    `);
    expect(shapes).toHaveLength(3 * 13 + 4);
    expect(model.parameters().map(({ name }) => name)).toEqual(model.namedParameters().map(([name]) => name));
    expect(
      model
        .namedBuffers()
        .map(([name]) => name)
        .slice(0, 2),
    ).toEqual(["stage1.0.norm.runningMean", "stage1.0.norm.runningVar"]);
    expect(model.namedBuffers()).toHaveLength(28);
    expect(model.namedStreams().map(([name]) => name)).toEqual(["rng"]);
  });

  it("keeps its running statistics in one buffer", () => {
    const model = nn.vgg(gpu, { width: 1 / 64 });
    expect(new Set(model.namedBuffers().map(([, { buffer }]) => buffer)).size).toBe(1);
  });

  it("gives logits for images and for batches", async () => {
    const model = nn.vgg(gpu, { width: 1 / 64, classes: 7 });
    const images = gpu.full([3, 32, 32, 3], 0.5);
    const fromImages = model.forward(images);
    const fromBatch = model.forward({ images });
    expect(fromImages.shape).toEqual([3, 7]);
    expect(await fromImages.data()).toEqual(await fromBatch.data());
  });

  it("starts, drops and learns the same with the same seed, otherwise with another", async () => {
    const run = async (seed: number) => {
      const model = nn.vgg(gpu, { width: 1 / 64, classes: 7, seed });
      const images = gpu.full([4, 32, 32, 3], 0.5);
      const loss = softmaxCrossEntropy(
        model.forward(images, { training: true }),
        Int32Array.from({ length: 4 }, (_, k) => k),
      );
      loss.backward();
      const gradient = await model.head.fc2.weight.grad?.data();
      return [await loss.item(), ...(gradient ?? [])];
    };
    const first = await run(3);
    expect(await run(3)).toEqual(first);
    expect(await run(4)).not.toEqual(first);
  });

  it("has no dropout when told so: training draws nothing", async () => {
    const model = nn.vgg(gpu, { width: 1 / 64, dropout: false });
    model.forward(gpu.full([2, 32, 32, 3], 1), { training: true });
    expect(await model.rng.state()).toEqual({ seed: 0, draws: 0 });
    expect(model.namedModules().filter(([, module]) => module instanceof nn.Dropout)).toEqual([]);
  });

  it("draws once per dropout layer in training, never in evaluation", async () => {
    const model = nn.vgg(gpu, { width: 1 / 64 });
    model.forward(gpu.full([2, 32, 32, 3], 1));
    expect((await model.rng.state()).draws).toBe(0);
    model.forward(gpu.full([2, 32, 32, 3], 1), { training: true });
    expect((await model.rng.state()).draws).toBe(10);
  });

  it("says what is wrong with its arguments", () => {
    expect(() => nn.vgg(gpu, { width: 0.3 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [vgg] 'width' must be a positive multiple of 1/64, so that 64 x width channels are an integer, but got 0.3]`,
    );
    expect(() => nn.vgg(gpu, { classes: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [vgg] 'classes' must be a positive integer, but got 0]`,
    );
    const model = nn.vgg(gpu, { width: 1 / 64 });
    expect(() => model.forward(gpu.zeros([2, 28, 28, 1]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [vgg] 'images' must be [N, 32, 32, 3], but got [2, 28, 28, 1] (in Vgg)]`,
    );
  });
});
