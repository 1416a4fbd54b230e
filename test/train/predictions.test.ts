/** Answers for each image: the same that the metrics counted, whatever the batches. */
import { describe, expect, it } from "vitest";
import { data, matmul, nn, optim, reshape, type Tensor, train } from "wgrad";
import { confusionMatrix, Predictions, predict } from "wgrad/node";
import { gpu } from "../support/gpu.ts";

const source = data.syntheticCifar100({ trainCount: 32, testCount: 37 });
const set = await data.cifar100(gpu, source);
const seven = data.fromArrays(gpu, {
  ...source.test,
  labels: source.test.labels.map((label) => label % 7),
  classes: 7,
});

/** Logits that are 7 of the image's own values, some of them replaced. */
function pixels(values: readonly (readonly [number, number])[] = []) {
  const weights = new Float32Array(3072 * 7);
  for (let k = 0; k < 7; k++) weights[k * 400 * 7 + k] = 4;
  for (const [at, value] of values) weights[at] = value;
  const weight = gpu.tensor(weights, [3072, 7]).keep();
  return {
    forward: (images: Tensor) => matmul(reshape(images, [images.shape[0] ?? 0, 3072]), weight),
  };
}

/** What `pixels` answers, in float64. */
function expected(image: number) {
  const logits = Array.from({ length: 7 }, (_, k) => {
    return (4 * (source.test.images[image * 3072 + k * 400] ?? 0)) / 255;
  });
  const largest = Math.max(...logits);
  const sum = logits.reduce((total, value) => total + Math.exp(value - largest), 0);
  return { best: logits.indexOf(largest), confidence: 1 / sum };
}

describe("predict", () => {
  it.each([
    [1, false],
    [16, false],
    [37, false],
    [36, true],
  ])("answers as float64 does, in batches of %i, eager: %s", async (batch, eager) => {
    const { classes, confidences } = await predict(pixels(), seven, { batch, eager });
    const right = Array.from({ length: 37 }, (_, k) => expected(k));
    expect([...classes]).toEqual(right.map(({ best }) => best));
    for (const [k, { confidence }] of right.entries()) expect(confidences[k]).toBeCloseTo(confidence, 6);
  });

  it("agrees with the accuracy of the metrics", async () => {
    const model = nn.vgg(gpu, { width: 1 / 16, seed: 3 });
    const { classes, metrics } = await predict(model, set.test, { batch: 16 });
    const counts = confusionMatrix(source.test.labels, classes, 100);
    expect(counts.reduce((sum, row, k) => sum + (row[k] ?? 0), 0)).toBe(metrics.correct);
    expect(counts.flat().reduce((sum, count) => sum + count, 0)).toBe(37);
  });

  it("takes NaN for the largest, as the metrics do", async () => {
    const { classes, confidences } = await predict(pixels([[5, Number.NaN]]), seven, { batch: 16 });
    expect(new Set(classes)).toEqual(new Set([5]));
    expect(confidences.every(Number.isNaN)).toBe(true);
  });
});

it("fit gives each validation's logits: the last epoch's answers have the accuracy of its log", async () => {
  const model = nn.vgg(gpu, { width: 1 / 16, seed: 3, dropout: false });
  const optimizer = optim.sgd(model.parameters(), { lr: 0.02, momentum: 0.9 });
  const predictions = new Predictions(set.test.count);
  const correct: number[] = [];
  const { state } = await train.fit(model, optimizer, set, {
    epochs: 3,
    batch: 16,
    onLogits: predictions.add,
    onEpoch: async () => {
      const { classes } = await predictions.read();
      correct.push([...classes].filter((answer, k) => answer === source.test.labels[k]).length);
    },
  });
  expect(state.log.map((entry) => entry["validation/main/accuracy"])).toEqual(correct.map((n) => n / 37));
});

describe("confusionMatrix", () => {
  it("counts true classes by rows", () => {
    expect(confusionMatrix([0, 0, 2, 1], [0, 1, 2, 1], 3)).toEqual([
      [1, 1, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
  });

  it("refuses what doesn't fit", () => {
    expect(() => confusionMatrix([0], [0, 1], 2)).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: [confusionMatrix] there are 1 labels but 2 answers; give one of each an image]`,
    );
    expect(() => confusionMatrix([0], [2], 2)).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: [confusionMatrix] image 0 has label 0 and answer 2, but there are 2 classes]`,
    );
  });
});
