/** `nn.vggFast`: counts, names, what is trained, how it starts. Its numbers are compared with PyTorch's in test/parity. */
import { describe, expect, it } from "vitest";
import { nn, optim, softmaxCrossEntropy } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";

const narrow = { width: 1 / 32, classes: 7 };
const imagesOf = (count: number, seed = 1) => gpu.tensor(noise(count * 3072, seed), [count, 32, 32, 3]);
const labels = Int32Array.of(0, 3, 6, 2);

describe("nn.vggFast", () => {
  it("has 1,995,832 parameters at width 1, of which 1,993,216 weights and 1,176 biases are trained", () => {
    const model = nn.vggFast(gpu);
    const count = (tensors: readonly { readonly size: number }[]) =>
      tensors.reduce((sum, { size }) => sum + size, 0);
    expect(count(model.parameters())).toBe(1_995_832);
    const { weights, biases } = nn.weightsAndBiases(model);
    expect([count(weights), count(biases)]).toEqual([1_993_216, 1_176]);
    for (const parameter of model.parameters()) parameter.claim.release("the test");
    for (const [, statistics] of model.namedBuffers()) statistics.claim.release("the test");
  });

  it("names its parameters by their place, and trains all but the whitening filters and the gammas", () => {
    const named = nn.vggFast(gpu, narrow).namedParameters();
    const lines = named.map(
      ([name, { shape, requiresGrad }]) => `${name} ${shape.join("x")}${requiresGrad ? "" : " frozen"}`,
    );
    expect(lines).toMatchInlineSnapshot(`
      [
        "whiten.weight 24x2x2x3 frozen",
        "whiten.bias 24",
        "groups.0.conv1.weight 2x3x3x24",
        "groups.0.norm1.gamma 2 frozen",
        "groups.0.norm1.beta 2",
        "groups.0.conv2.weight 2x3x3x2",
        "groups.0.norm2.gamma 2 frozen",
        "groups.0.norm2.beta 2",
        "groups.1.conv1.weight 8x3x3x2",
        "groups.1.norm1.gamma 8 frozen",
        "groups.1.norm1.beta 8",
        "groups.1.conv2.weight 8x3x3x8",
        "groups.1.norm2.gamma 8 frozen",
        "groups.1.norm2.beta 8",
        "groups.2.conv1.weight 8x3x3x8",
        "groups.2.norm1.gamma 8 frozen",
        "groups.2.norm1.beta 8",
        "groups.2.conv2.weight 8x3x3x8",
        "groups.2.norm2.gamma 8 frozen",
        "groups.2.norm2.beta 8",
        "fc.weight 7x8",
      ]
    `);
  });

  it("keeps its running statistics in one buffer", () => {
    const buffers = nn.vggFast(gpu, narrow).namedBuffers();
    expect(buffers).toHaveLength(12);
    expect(new Set(buffers.map(([, { buffer }]) => buffer)).size).toBe(1);
  });

  it("starts as the identity where it can", async () => {
    const model = nn.vggFast(gpu, narrow);
    const state = model.stateDict();
    const weight = await state["groups.1.conv1.weight"]?.data();
    // [8, 3, 3, 2]: two filters pass the two channels on.
    expect(weight?.slice(0, 36)).toEqual(nn.init.dirac()([2, 3, 3, 2]));
    expect(weight?.slice(36).every((value) => value !== 0 && Math.abs(value) < 1 / Math.sqrt(18))).toBe(true);
    const fc = await state["fc.weight"]?.data();
    expect(Math.max(...(fc ?? []).map(Math.abs))).toBeLessThan(1 / Math.sqrt(8));
  });

  it("takes its first layer from `whitening`; all else follows from the seed alone", async () => {
    const whitening = nn.whitening(noise(4 * 3072, 2), [4, 32, 32, 3]);
    const values = async (options: nn.VggFastOptions) => {
      const [whiten, ...rest] = nn.vggFast(gpu, { ...narrow, ...options }).parameters();
      return {
        whiten: await whiten?.data(),
        rest: await Promise.all(rest.map((parameter) => parameter.data())),
      };
    };
    const [given, without, other] = [
      await values({ whitening }),
      await values({}),
      await values({ seed: 1 }),
    ];
    expect(given.whiten).toEqual(whitening);
    expect(without.whiten?.every((value) => Math.abs(value) < 1 / Math.sqrt(12))).toBe(true);
    expect(given.rest).toEqual(without.rest);
    expect(other.rest).not.toEqual(without.rest);
  });

  it("learns by two groups of parameters, eager as recorded; what is frozen stays as it is", async () => {
    const run = async (recorded: boolean) => {
      const model = nn.vggFast(gpu, narrow);
      const { weights, biases } = nn.weightsAndBiases(model);
      const optimizer = optim.sgd([{ parameters: weights }, { parameters: biases, lrScale: 4 }], {
        lr: 0.02,
      });
      const frozen = model.parameters().filter(({ requiresGrad }) => !requiresGrad);
      const before = await Promise.all(frozen.map((parameter) => parameter.data()));
      const images = imagesOf(4);
      const targets = gpu.tensor(labels, [4]);
      const body = () => {
        const logits = model.forward({ images }, { training: true });
        const loss = softmaxCrossEntropy(logits, targets, { labelSmoothing: 0.2 });
        loss.backward();
        optimizer.step();
        return loss;
      };
      const step = recorded ? gpu.record(body) : body;
      const losses: number[] = [];
      for (let k = 0; k < 6; k++) losses.push(await step().item());
      expect(await Promise.all(frozen.map((parameter) => parameter.data()))).toEqual(before);
      return losses;
    };
    const losses = await run(false);
    expect(
      losses.every((loss, k) => k === 0 || loss < (losses[k - 1] ?? 0)),
      losses.join(),
    ).toBe(true);
    expect(await run(true)).toEqual(losses);
  });

  it("says what is wrong with its arguments", () => {
    expect(() => nn.vggFast(gpu, { width: 0.3 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [vggFast] 'width' must be a positive multiple of 1/64, so that 64 x width channels are an integer, but got 0.3]`,
    );
    expect(() => nn.vggFast(gpu, { classes: 0.5 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [vggFast] 'classes' must be a positive integer, but got 0.5]`,
    );
    expect(() => nn.vggFast(gpu, { whitening: new Float32Array(144) })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [vggFast] 'whitening' must be the 288 values of [24, 2, 2, 3] from nn.whitening(images, [N, 32, 32, 3]), but got 144]`,
    );
    const model = nn.vggFast(gpu, narrow);
    expect(() => model.forward(gpu.zeros([2, 28, 28, 1]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [vggFast] 'images' must be [N, 32, 32, 3], but got [2, 28, 28, 1] (in VggFast)]`,
    );
  });
});
