/** A network trains alike with every configuration of its kernels, through the public API. */
import { expect, it } from "vitest";
import { createGpu, nn, optim, softmaxCrossEntropy } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { configurationsInUse, subgroupObstacle } from "../../src/kernels/configuration.ts";
import { gpu } from "../support/gpu.ts";

/** Losses of two steps of a VGG that is wide enough for Winograd's algorithm. */
async function train(conv2d: string): Promise<number[]> {
  const gemm = { winograd: "subgroup", "tiled-winograd": "tiled" }[conv2d] ?? conv2d;
  const gpu = await createGpu({ configurations: { conv2d, gemm } });
  const model = nn.vgg(gpu, { classes: 10, width: 3 / 8, dropout: false, seed: 3 });
  const optimizer = optim.sgd(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const images = gpu.tensor(noise(8 * 3072, 4), [8, 32, 32, 3]);
  const labels = Int32Array.from({ length: 8 }, (_, k) => (2 * k + 1) % 10);
  const losses: number[] = [];
  for (let step = 0; step < 2; step++) {
    const loss = softmaxCrossEntropy(model.forward(images, { training: true }), labels);
    loss.backward();
    optimizer.step();
    losses.push(await loss.item());
  }
  expect(configurationsInUse(gpu.device)).toEqual({ conv2d, gemm });
  gpu.destroy();
  return losses;
}

it("trains alike with every configuration", { timeout: 300_000 }, async () => {
  // Plain kernels take ten seconds for this; their cases hold them to float64.
  const runnable = subgroupObstacle(gpu.device)
    ? ["plain", "tiled", "tiled-winograd"]
    : ["subgroup", "tiled", "winograd", "tiled-winograd"];
  const [expected = [], ...others] = await Promise.all(runnable.map(train));
  // The third loss would tell of ReLUs that switch between two roundings instead.
  for (const losses of others)
    for (const [step, loss] of losses.entries())
      expect(Math.abs(loss / (expected[step] ?? 0) - 1)).toBeLessThan(1e-4);
});
