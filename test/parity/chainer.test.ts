/**
 * The system that `chainer-2016` reproduces, itself: Chainer 7.8.1 trained its own VGG with its own trainer, in float64 (chainer/make_fixtures.py). Its saved
 * model, trained here by the same rule on the same images, must take the same path to the same snapshot.
 */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { nn, optim, softmaxCrossEntropy, type Tensor } from "wgrad";
import { gpu } from "../support/gpu.ts";
import { relativeL2 } from "./support.ts";

interface Fixture {
  readonly width: number;
  readonly classes: number;
  readonly batch: number;
  /** One entry an iteration; every third ends an epoch of training, and validates. */
  readonly log: readonly Readonly<Record<string, number>>[];
}

const fixture = (name: string) => readFileSync(new URL(`chainer/${name}`, import.meta.url));
const { width, classes, batch, log }: Fixture = JSON.parse(fixture("log.json").toString());

/** As in make_fixtures.py: in [0, 1). */
const noise = (k: number, seed: number) =>
  ((Math.floor(((k * 2654435761 + seed * 40503) % 2 ** 32) / 2 ** 16) * 40499) % 65521) / 65521;

const images = (first: number, seed: number) =>
  gpu.tensor(
    Float32Array.from({ length: batch * 3072 }, (_, element) => {
      const k = first * 3072 + element;
      const [image, y, x, channel] = [
        Math.floor(k / 3072),
        Math.floor(k / 96) % 32,
        Math.floor(k / 3) % 32,
        k % 3,
      ];
      const patch = ((image * 8 + (y >> 2)) * 8 + (x >> 2)) * 3 + channel;
      return (noise(patch, seed) + noise(k, seed + 1)) / 2;
    }),
    [batch, 32, 32, 3],
  );
const labels = (first: number) => Int32Array.from({ length: batch }, (_, k) => ((first + k) * 3) % classes);

const vggOf = async (file: string) => {
  const model = nn.vgg(gpu, { width, classes, dropout: false });
  await nn.fromChainer(fixture(file), model);
  return model;
};

const valuesOf = async (state: Readonly<Record<string, Tensor>> | undefined, name: string) =>
  (await state?.[name]?.data()) ?? new Float32Array();

it("trains as Chainer does: losses, validation, and everything in its snapshot", async () => {
  const model = await vggOf("initial.npz");
  const lossOf = (first: number, seed: number, isTraining: boolean) =>
    softmaxCrossEntropy(model.forward(images(first, seed), { training: isTraining }), labels(first));
  const optimizer = optim.sgd(model.parameters(), {
    ...{ lr: 0.001, momentum: 0.9, weightDecay: 5e-4, rule: "chainer" },
  });
  for (const [iteration, expected] of log.entries()) {
    // ExponentialShift("lr", 0.5) every two epochs of three iterations
    optimizer.lr = 0.001 * 0.5 ** Math.floor(iteration / 6);
    const loss = lossOf((iteration % 3) * batch, 1, true);
    loss.backward();
    optimizer.step();
    expect(await loss.item(), `loss of iteration ${iteration}`).toBeCloseTo(
      expected["main/loss"] ?? Number.NaN,
      5,
    );
    const validation = expected["validation/main/loss"];
    if (validation === undefined) continue;
    const losses = await Promise.all([0, batch].map((first) => lossOf(first, 2, false).item()));
    const mean = losses.reduce((sum, value) => sum + value, 0) / losses.length;
    expect(mean / validation, `validation after iteration ${iteration}`).toBeCloseTo(1, 3);
  }
  const [before, theirs] = [await vggOf("initial.npz"), await vggOf("snapshot.npz")].map((each) =>
    each.stateDict(),
  );
  for (const [name, tensor] of Object.entries(model.stateDict())) {
    const start = await valuesOf(before, name);
    const way = (values: Float32Array) => values.map((value, k) => value - (start[k] ?? Number.NaN));
    const error = relativeL2(way(await tensor.data()), way(await valuesOf(theirs, name)));
    expect(error, `the way of ${name}`).toBeLessThan(1e-3);
  }
});
