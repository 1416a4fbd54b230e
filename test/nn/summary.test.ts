/** What `module.summary` says, and that it executes and leaves nothing. */
import { describe, expect, it } from "vitest";
import { mul, nn, type Tensor } from "wgrad";
import { gpu } from "../support/gpu.ts";

describe("module.summary", () => {
  it("prints layers, shapes, parameters, FLOPs and memory as a table", () => {
    const model = nn.vggFast(gpu, { width: 1 / 8, classes: 10 });
    expect(String(model.summary([2, 32, 32, 3]))).toMatchInlineSnapshot(`
      "layer           type       output           parameters       FLOPs  output, KiB
      --------------  ---------  ---------------  ----------  ----------  -----------
      whiten          Conv2d     [2, 31, 31, 24]         312   1,107,072          181
      groups.0.conv1  Conv2d     [2, 31, 31, 8]        1,728   6,642,432           61
      groups.0.pool   MaxPool2d  [2, 15, 15, 8]            0           0           15
      groups.0.norm1  BatchNorm  [2, 15, 15, 8]           16           0           15
      groups.0.conv2  Conv2d     [2, 15, 15, 8]          576     518,400           15
      groups.0.norm2  BatchNorm  [2, 15, 15, 8]           16           0           15
      groups.1.conv1  Conv2d     [2, 15, 15, 32]       2,304   2,073,600           57
      groups.1.pool   MaxPool2d  [2, 7, 7, 32]             0           0           13
      groups.1.norm1  BatchNorm  [2, 7, 7, 32]            64           0           13
      groups.1.conv2  Conv2d     [2, 7, 7, 32]         9,216   1,806,336           13
      groups.1.norm2  BatchNorm  [2, 7, 7, 32]            64           0           13
      groups.2.conv1  Conv2d     [2, 7, 7, 32]         9,216   1,806,336           13
      groups.2.pool   MaxPool2d  [2, 3, 3, 32]             0           0            3
      groups.2.norm1  BatchNorm  [2, 3, 3, 32]            64           0            3
      groups.2.conv2  Conv2d     [2, 3, 3, 32]         9,216     331,776            3
      groups.2.norm2  BatchNorm  [2, 3, 3, 32]            64           0            3
      pool            MaxPool2d  [2, 1, 1, 32]             0           0            1
      flatten         Flatten    [2, 32]                   0           0            1
      fc              Linear     [2, 10]                 320       1,280            1
      --------------  ---------  ---------------  ----------  ----------  -----------
                                                      33,176  14,287,232

      Input [2, 32, 32, 3]; FLOPs are those of convolutions and linear layers. 32,744 parameters are trained.
      Memory: 131 KiB for parameters and buffers; evaluation takes 375 KiB more, training keeps 482 KiB for its gradients."
    `);
  });

  it("counts ResNet-20 as others do: 41 million multiplications and additions, without the bias", () => {
    const { flops, parameters, trained, layers, stateBytes } = nn
      .resnet20(gpu, { classes: 10 })
      .summary([1, 32, 32, 3]);
    const stage = (pixels: number, inputs: number, channels: number, projection: number) =>
      pixels * (9 * channels * (inputs + 5 * channels) + projection * inputs * channels);
    const multiplications =
      1024 * 27 * 16 + stage(1024, 16, 16, 0) + stage(256, 16, 32, 1) + stage(64, 32, 64, 1) + 640;
    expect(flops).toBe(2 * multiplications);
    expect(parameters).toBe(272_474);
    expect(trained).toBe(272_474);
    expect(layers.reduce((sum, layer) => sum + layer.parameters, 0)).toBe(272_474);
    expect(stateBytes).toBe(4 * (272_474 + 2 * (7 * 16 + 7 * 32 + 7 * 64)));
  });

  it("knows strides, padding, groups and inputs of any shape", () => {
    class Model extends nn.Module {
      readonly scale = gpu.full([1], 2, { requiresGrad: true });
      readonly depthwise = new nn.Conv2d(gpu, {
        in: 4,
        out: 8,
        size: [3, 2],
        groups: 4,
        stride: 2,
        padding: 1,
      });
      readonly twice = new nn.Linear(gpu, { in: 8, out: 8 });

      forward(x: Tensor): Tensor {
        const y = this.depthwise.forward(x);
        const features = new nn.GlobalAvgPool2d().forward(y);
        return mul(this.twice.forward(this.twice.forward(features)), this.scale);
      }
    }
    const { layers, parameters } = new Model().summary([3, 7, 5, 4]);
    expect(layers).toEqual([
      {
        name: "depthwise",
        type: "Conv2d",
        shape: [3, 4, 3, 8],
        parameters: 56,
        flops: 2 * 288 * 6,
        bytes: 1152,
      },
      { name: "", type: "GlobalAvgPool2d", shape: [3, 8], parameters: 0, flops: 0, bytes: 96 },
      { name: "twice", type: "Linear", shape: [3, 8], parameters: 72, flops: 2 * 24 * 8, bytes: 96 },
      { name: "twice", type: "Linear", shape: [3, 8], parameters: 0, flops: 2 * 24 * 8, bytes: 96 },
      { name: "", type: "Model", shape: [3, 8], parameters: 1, flops: 0, bytes: 96 },
    ]);
    expect(parameters).toBe(56 + 72 + 1);
  });

  it("executes nothing, and leaves nothing", async () => {
    const model = nn.vgg(gpu, { width: 1 / 64, classes: 7 });
    const values = () => Promise.all(Object.values(model.stateDict()).map((tensor) => tensor.data()));
    const before = await values();
    await gpu.idle();
    const { usedBytes } = gpu.memory;
    const { activationBytes } = model.summary([512, 32, 32, 3]);
    // Each block keeps what its convolution gave and its result, of stage 1 alone four images of one channel.
    expect(activationBytes).toBeGreaterThan(4 * 4 * 512 * 1024);
    expect(gpu.memory.usedBytes).toBe(usedBytes);
    expect(await values()).toEqual(before);
    expect((await model.rng.state()).draws).toBe(0);
    expect(model.parameters().every(({ grad }) => grad === null)).toBe(true);
  });

  it("says what training keeps, and evaluation takes", () => {
    const perceptron = nn.mlp(gpu, { in: 1000, hidden: [200, 300], out: 10 });
    // The results of ReLU, which the next layer shares.
    expect(perceptron.summary([100, 1000]).activationBytes).toBe(4 * 100 * (200 + 300));
    // Nineteen layers keep what they made; in evaluation, a block's input, what it's doing and the shortcut suffice.
    const { activationBytes, evaluationBytes } = nn.resnet20(gpu, { width: 1 / 4 }).summary([8, 32, 32, 3]);
    expect(evaluationBytes).toBeGreaterThanOrEqual(3 * 4 * 8 * 1024 * 4);
    expect(evaluationBytes).toBeLessThan(activationBytes / 3);
  });

  it("says what is wrong", () => {
    const model = nn.resnet20(gpu, { width: 1 / 16 });
    expect(() => model.summary([1, 28, 28, 3])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [resnet20] 'images' must be [N, 32, 32, 3], but got [1, 28, 28, 3] (in ResNet)]`,
    );
    expect(() => new nn.ReLU().summary([1])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [summary] the model has neither parameters nor buffers, so nothing says on which GPU it is]`,
    );
  });
});
