/**
 * VGG against PyTorch in float64: loss, every gradient, five SGD steps, evaluation. Each tensor's relative L2 error may be at most three times that of PyTorch's
 * own float32; ten times with Winograd's algorithm, which rounds more. A ReLU whose input is nearer to 0 than the error may switch: all gradients before
 * it then differ by parts of a thousand, as PyTorch's float32 does itself at width 1 (2e-3 in the first 22 gradients, 1e-6 in the others).
 *
 * make_fixtures.py made the fixtures; those it leaves in build/parity (full width, too large to commit) are tested too.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createGpu, type Gpu, nn, optim, softmaxCrossEntropy } from "wgrad";
import { subgroupObstacle } from "../../src/kernels/configuration.ts";
import { gpu } from "../support/gpu.ts";
import { batchOf, initialValues, norm, relativeL2 } from "./support.ts";

interface Fixture {
  readonly width: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly losses: readonly number[];
  readonly evaluationLoss: number;
  readonly lossErrors: readonly number[];
  readonly evaluationLossError: number;
  readonly shapes: readonly (readonly number[])[];
  readonly gradientErrors: readonly number[];
  readonly parameterErrors: readonly number[];
}

const folders = ["fixtures", "../../build/parity"].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);
const fixtures = folders
  .filter((folder) => existsSync(folder))
  .flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => /^vgg-[\d.]+\.json$/.test(file))
      .map((file) => `${folder}/${file.slice(0, -5)}`),
  );

/** Relative error that a few switched ReLUs explain. */
const switchedRelu = 5e-3;

for (const path of fixtures) {
  const fixture = JSON.parse(readFileSync(`${path}.json`, "utf8")) as Fixture;
  const truth = new Float32Array(Uint8Array.from(readFileSync(`${path}.bin`)).buffer);

  describe.each([
    { conv2d: gpu.info.isSoftware ? "subgroup" : "tiled", most: 3 },
    ...(subgroupObstacle(gpu.device) ? [] : [{ conv2d: "winograd", most: 10 }]),
  ])(`VGG of width ${fixture.width}, $conv2d convolutions, against PyTorch`, ({ conv2d, most }) => {
    it("has its losses, gradients and parameters after five steps", { timeout: 600_000 }, async () => {
      const gpu = await createGpu({ configurations: { conv2d } });
      const ratios = await errorRatios(gpu, fixture, truth);
      gpu.destroy();
      for (const [what, list] of Object.entries(ratios)) {
        console.log(
          `width ${fixture.width}, ${conv2d}, ${what}: error / PyTorch float32's, largest ${Math.max(...list).toFixed(2)}`,
        );
        list.forEach((ratio, k) => {
          const error = ratio * (fixture.gradientErrors[k] ?? 0);
          if (what === "gradients" && ratio > most && error <= switchedRelu) return;
          expect(ratio, `${what} ${k}: error as a multiple of PyTorch float32's`).toBeLessThanOrEqual(most);
        });
      }
    });
  });
}

/** Trains as the fixture did, and compares. */
async function errorRatios(
  gpu: Gpu,
  fixture: Fixture,
  truth: Float32Array,
): Promise<Readonly<Record<string, readonly number[]>>> {
  const model = nn.vgg(gpu, { width: fixture.width, dropout: false });
  const parameters = model.parameters();
  expect(parameters.map(({ shape }) => [...shape])).toEqual(fixture.shapes);
  parameters.forEach((parameter, index) => {
    parameter.write(initialValues(parameter, index));
  });
  const { learningRate: lr, momentum, weightDecay } = fixture;
  const optimizer = optim.sgd(parameters, { lr, momentum, weightDecay });

  const losses: number[] = [];
  let gradients: Float32Array[] = [];
  for (let step = 0; step < fixture.losses.length; step++) {
    const { images, labels } = batchOf(gpu, step, fixture.batch);
    const loss = softmaxCrossEntropy(model.forward(images, { training: true }), labels);
    loss.backward();
    losses.push(await loss.item());
    if (step === 0)
      gradients = await Promise.all(parameters.map(({ grad }) => grad?.data() ?? new Float32Array()));
    if (step < fixture.losses.length - 1) optimizer.step();
  }
  const { images, labels } = batchOf(gpu, fixture.losses.length - 1, fixture.batch);
  const evaluation = await softmaxCrossEntropy(model.forward(images), labels).item();
  const finals = await Promise.all(parameters.map((parameter) => parameter.data()));

  const [trueGradients, trueParameters] = split(
    truth,
    parameters.map(({ size }) => size),
  );
  const errors = (values: readonly Float32Array[], truths: readonly Float32Array[]) =>
    values.map((value, k) => relativeL2(value, truths[k] ?? []));
  const over = (list: readonly number[], theirs: readonly number[]) =>
    list.map((error, k) => error / (theirs[k] ?? 0));
  return {
    losses: [norm(losses.map((loss, k) => loss / (fixture.losses[k] ?? 0) - 1)) / norm(fixture.lossErrors)],
    evaluation: [
      Math.abs(evaluation / fixture.evaluationLoss - 1) / Math.max(fixture.evaluationLossError, 2 ** -24),
    ],
    gradients: over(errors(gradients, trueGradients), fixture.gradientErrors),
    parameters: over(errors(finals, trueParameters), fixture.parameterErrors),
  };
}

function split(values: Float32Array, sizes: readonly number[]): [Float32Array[], Float32Array[]] {
  let offset = 0;
  const parts = [...sizes, ...sizes].map((size) => {
    offset += size;
    return values.subarray(offset - size, offset);
  });
  return [parts.slice(0, sizes.length), parts.slice(sizes.length)];
}
