/** Averaged logits against an average made by hand, in recorded evaluations too. */
import { expect, it } from "vitest";
import { data, flatten, matmul, mul, nn, relu, sum, type Tensor, train } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";

const [count, height, width, channels, classes] = [7, 4, 6, 2, 5];
const pixels = height * width * channels;

/** Not linear, so that an average of logits isn't the logits of an average. */
class Tiny extends nn.Module {
  readonly weight = gpu.tensor(noise(classes * pixels, 2), [classes, pixels]).keep();
  training: boolean[] = [];

  forward(images: Tensor, { training }: { readonly training: boolean }): Tensor {
    this.training.push(training);
    return relu(matmul(flatten(images), this.weight, { transposeB: true }));
  }
}

const images = Uint8Array.from(noise(count * pixels, 1), (value) => Math.floor((value + 1) * 128));
const set = data.fromArrays(gpu, {
  images,
  labels: Uint8Array.from({ length: count }, (_, k) => k % classes),
  shape: [height, width, channels],
  classes,
});

/** Logits of the image read with a row and a column less or more, at mirrored columns or not: by the definition, on the host. */
async function logitsAt(model: Tiny, move: number, mirror: boolean): Promise<number[]> {
  const reflect = (place: number, size: number) =>
    place < 0 ? -place : place < size ? place : 2 * (size - 1) - place;
  const view = Float32Array.from({ length: count * pixels }, (_, k) => {
    const [channel, column, line] = [
      k % channels,
      Math.floor(k / channels) % width,
      Math.floor(k / channels / width),
    ];
    const [row, image] = [line % height, Math.floor(line / height)];
    const h = reflect(row + move, height);
    const w = reflect((mirror ? width - 1 - column : column) + move, width);
    return (images[((image * height + h) * width + w) * channels + channel] ?? 0) * Math.fround(1 / 255);
  });
  const logits = model.forward(gpu.tensor(view, [count, height, width, channels]), { training: false });
  return [...(await logits.data())];
}

it.each([false, true])("averages six views in train.evaluate, eager: %s", async (eager) => {
  const model = new Tiny();
  const seen: Promise<Float32Array>[] = [];
  await train.evaluate(train.testTimeAugmentation(model, { shift: 2 }), set, {
    batch: 4,
    eager,
    onLogits: (logits) => seen.push(logits.data()),
  });
  expect(model.training).toEqual(model.training.map(() => false));
  expect(model.training.length % 6).toBe(0);
  const average = new Float64Array(count * classes);
  for (const [move, share] of [
    [0, 0.5],
    [-2, 0.25],
    [2, 0.25],
  ] as const)
    for (const mirror of [false, true])
      for (const [k, value] of (await logitsAt(model, move, mirror)).entries())
        average[k] = (average[k] ?? 0) + (share / 2) * value;
  const found = (await Promise.all(seen)).flatMap((logits) => [...logits]);
  expect(found).toHaveLength(average.length);
  found.forEach((value, k) => {
    expect(value).toBeCloseTo(average[k] ?? Number.NaN, 5);
  });
});

it("frees a view before it makes the next", () => {
  const used: number[] = [];
  const forward = (x: Tensor) => {
    used.push(gpu.memory.usedBytes);
    return mul(sum(relu(flatten(x)), { axes: 1, keepDims: true }), 2);
  };
  const x = gpu.zeros([64, 8, 8, 4]).keep();
  train.testTimeAugmentation({ forward }).forward(x, { training: false });
  const [first = 0] = used;
  // What is left of each view is its logits, which take the smallest buffer.
  expect(used.map((bytes) => bytes - first)).toEqual([0, 256, 512, 768, 1024, 1280]);
});

it("refuses a shift that isn't whole pixels", () => {
  expect(() => train.testTimeAugmentation(new Tiny(), { shift: 0.5 })).toThrowErrorMatchingInlineSnapshot(
    `[Error: [testTimeAugmentation] 'shift' must be whole pixels, 0 or more, but got 0.5]`,
  );
  const augmented = train.testTimeAugmentation(new Tiny(), { shift: 4 });
  expect(() =>
    augmented.forward(gpu.zeros([1, 4, 6, 2]), { training: false }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[Error: [translate] 'down' must be whole pixels from -3 to 3 for images [1, 4, 6, 2], but got -4]`,
  );
});
