/** Batches from a set on the GPU: order, wrapping, chunks, resuming, and what is refused. */
import { describe, expect, it } from "vitest";
import { data } from "wgrad";
import { shuffledOrder } from "../../src/data/shuffled-batches.ts";
import { gpu } from "../support/gpu.ts";

const shape = [1, 2, 2] as const;

/** Image k has the bytes k, k + 1, k + 2, k + 3 and the label k mod 5. */
function arrays(count: number) {
  return {
    images: Uint8Array.from({ length: 4 * count }, (_, k) => (Math.floor(k / 4) + (k % 4)) % 256),
    labels: Uint8Array.from({ length: count }, (_, k) => k % 5),
    shape,
    classes: 5,
  };
}

/** Which images a batch holds, after checking that each is whole and has its label. */
async function indicesOf({ images, labels }: data.Batch): Promise<number[]> {
  const pixels = await images.data();
  const names = await labels.data<Int32Array<ArrayBuffer>>();
  return Array.from(names, (label, k) => {
    const index = Math.round((pixels[4 * k] ?? -1) * 255);
    for (let byte = 0; byte < 4; byte++)
      expect(pixels[4 * k + byte]).toBeCloseTo(((index + byte) % 256) / 255, 6);
    expect(label).toBe(index % 5);
    return index;
  });
}

describe("shuffled batches", () => {
  it("take every image once an epoch and wrap across its end", async () => {
    const batches = data.fromArrays(gpu, arrays(7)).shuffled({ batch: 3, seed: 5 });
    const taken: number[] = [];
    const epochs: number[] = [];
    for (let step = 0; step < 14; step++) {
      taken.push(...(await indicesOf(batches.next())));
      epochs.push(batches.epoch);
    }
    for (let epoch = 0; epoch < 6; epoch++) {
      const order = taken.slice(7 * epoch, 7 * epoch + 7);
      expect(order).toEqual([...shuffledOrder(7, 5, epoch)]);
      expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    }
    expect(epochs).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6]);
  });

  it.each([1, 2, 5])("of %i images give the same when the set lies in several chunks", async (batch) => {
    const whole = data.fromArrays(gpu, arrays(11)).shuffled({ batch, seed: 1 });
    const split = data.fromArrays(gpu, arrays(11), { chunkBytes: 17 });
    expect(split.chunks.map(({ count }) => count)).toEqual([4, 4, 3]);
    const parts = split.shuffled({ batch, seed: 1 });
    for (let step = 0; step < 12; step++)
      expect(await indicesOf(parts.next())).toEqual(await indicesOf(whole.next()));
  });

  it("go on from a state as if they had never stopped", async () => {
    const set = data.fromArrays(gpu, arrays(7));
    const whole = set.shuffled({ batch: 4, seed: 9 });
    for (let step = 0; step < 9; step++) {
      const resumed = set.shuffled({ batch: 4, start: whole.state });
      expect(await indicesOf(resumed.next())).toEqual(await indicesOf(whole.next()));
      expect(resumed.state).toEqual(whole.state);
      expect(await indicesOf(resumed.next())).toEqual(
        await indicesOf(set.shuffled({ batch: 4, start: whole.state }).next()),
      );
    }
  });

  it("differ between seeds and between epochs", () => {
    const orders = [
      [0, 0],
      [0, 1],
      [1, 0],
      [2 ** 32, 0],
    ].map(([seed = 0, epoch = 0]) => shuffledOrder(100, seed, epoch).join());
    expect(new Set(orders).size).toBe(4);
  });

  it("put every image at every place equally often", () => {
    const epochs = 4000;
    const counts = new Float64Array(25);
    for (let epoch = 0; epoch < epochs; epoch++) {
      shuffledOrder(5, 3, epoch).forEach((image, place) => {
        counts[5 * image + place] = (counts[5 * image + place] ?? 0) + 1;
      });
    }
    // 16 degrees of freedom: above 39.3 with probability 0.001.
    const expected = epochs / 5;
    expect(counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)).toBeLessThan(39.3);
  });

  it("refuse a batch that the set doesn't hold", () => {
    const set = data.fromArrays(gpu, arrays(7));
    expect(() => set.shuffled({ batch: 8 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [data] 'batch' must be from 1 to the 7 images of 'images', but got 8; use a smaller batch or more images]`,
    );
    expect(() =>
      set.shuffled({ batch: 2, start: { seed: 0, epoch: 1, position: 7 } }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [data] epoch 1, image 7 isn't a place in 'images' of 7 images; resume with the data and limits of the first run]`,
    );
  });
});

describe("batches in order", () => {
  it.each([1, 3, 7, 10])("of %i end with a smaller one", async (batch) => {
    const next = data.fromArrays(gpu, arrays(7)).inOrder(batch);
    const taken: number[] = [];
    for (let images = next(); images; images = next()) taken.push(...(await indicesOf(images)));
    expect(taken).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });
});

describe("data sets", () => {
  it("normalise each channel", async () => {
    const set = data.fromArrays(gpu, arrays(2), { mean: [0.5, 0.25], std: [2, 0.5] });
    const pixels = await set.inOrder(1)()?.images.data();
    [0, 1, 2, 3].forEach((byte, k) => {
      expect(pixels?.[k]).toBeCloseTo(k % 2 === 0 ? (byte / 255 - 0.5) / 2 : (byte / 255 - 0.25) / 0.5, 6);
    });
  });

  it("hold CIFAR-100, limited where wanted", async () => {
    const source = data.syntheticCifar100({ trainCount: 5, testCount: 4 });
    const set = await data.cifar100(gpu, source, { trainLimit: 3 });
    expect([set.train.count, set.test.count, set.train.classCount]).toEqual([3, 4, 100]);
    expect([set.train.synthetic, set.train.shape]).toEqual([true, [32, 32, 3]]);
    const batch = set.train.inOrder(3)();
    expect(batch?.images.shape).toEqual([3, 32, 32, 3]);
    expect(await batch?.images.data()).toEqual(
      Float32Array.from(source.train.images.subarray(0, 3 * 3072), (byte) => byte * Math.fround(1 / 255)),
    );
  });

  it("refuse arrays that don't fit together", () => {
    const right = arrays(3);
    expect(() =>
      data.fromArrays(gpu, { ...right, images: new Uint8Array(11) }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [data] 3 labels need 12 bytes of images [1, 2, 2], but 'images' has 11]`,
    );
    expect(() => data.fromArrays(gpu, { ...right, labels: [0, 1, 5] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [data] label 5 of image 2 isn't among the 5 classes of 'images']`,
    );
    // An Int32Array would make 0 of each.
    for (const label of [0.5, Number.NaN, 2 ** 32])
      expect(() => data.fromArrays(gpu, { ...right, labels: [0, 1, label] })).toThrow(
        `[data] label ${label} of image 2 isn't among the 5 classes of 'images'`,
      );
    const floats: unknown = new Float32Array(12);
    expect(() =>
      data.fromArrays(gpu, { ...right, images: floats as Uint8Array }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [data] 'images' must be bytes, a Uint8Array, but got Float32Array of 12; multiply values of 0 to 1 by 255]`,
    );
    expect(() => data.fromArrays(gpu, { ...right, shape: [-2, -2, 1] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [data] an image must have a multiple of 4 bytes, but [-2, -2, 1] has 4; pad its width]`,
    );
    expect(() => data.fromArrays(gpu, right, { mean: [0, Number.NaN] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [data] 'mean' must have 2 finite values, one a channel, but got 0,NaN]`,
    );
    expect(() => data.fromArrays(gpu, { ...right, shape: [1, 1, 3] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [data] an image must have a multiple of 4 bytes, but [1, 1, 3] has 3; pad its width]`,
    );
    expect(() => data.fromArrays(gpu, right, { limit: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [data] 'limit' must be a positive integer, but got 0]`,
    );
    expect(() => data.fromArrays(gpu, right, { mean: [1] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [data] 'mean' must have 2 finite values, one a channel, but got 1]`,
    );
    expect(() => data.fromArrays(gpu, right, { std: [1, 0] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [data] 'std' must be positive, but got 1,0]`,
    );
  });
});
