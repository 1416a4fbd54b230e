/** Augmented batches: what is drawn, how often, that nothing but seed, epoch and image decides it, and what is refused. */
import { describe, expect, it } from "vitest";
import { data } from "wgrad";
import { viewReference } from "../../src/kernels/augment.reference.ts";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";

type Shape = readonly [number, number, number];

/** Image k: the bytes of `pixel(k)`, row by row. */
function imagesOf(
  count: number,
  shape: Shape,
  pixel: (k: number) => readonly number[],
  options: data.UploadOptions = {},
) {
  const images = Uint8Array.from(Array.from({ length: count }, (_, k) => pixel(k)).flat());
  const labels = Uint8Array.from({ length: count }, (_, k) => k);
  return data.fromArrays(gpu, { images, labels, shape, classes: 256 }, options);
}

const anyImages = (options: data.UploadOptions = {}) => {
  const bytes = Uint8Array.from(noise(11 * 60, 1), (value) => Math.floor((value + 1) * 128));
  return imagesOf(11, [4, 5, 3], (k) => [...bytes.subarray(60 * k, 60 * k + 60)], options);
};
const everything = data.augment({ crop: 2, flip: "random", cutout: 2 });

async function read({ images, labels }: data.Batch) {
  return { images: await images.data(), labels: await labels.data<Int32Array<ArrayBuffer>>() };
}

/** The batches of some epochs, one image after the other, with its index. */
async function imagesOfEpochs(set: data.GpuImages, epochs: number, options: data.ShuffledOptions) {
  const batches = set.shuffled(options);
  const size = set.shape[0] * set.shape[1] * set.shape[2];
  const found: { index: number; epoch: number; bytes: number[] }[] = [];
  while (found.length < epochs * set.count) {
    const { images, labels } = await read(batches.next());
    for (const [k, index] of labels.entries()) {
      const bytes = Array.from(images.subarray(k * size, (k + 1) * size), (value) => Math.round(value * 255));
      found.push({ index, epoch: Math.floor(found.length / set.count), bytes });
    }
  }
  return found.slice(0, epochs * set.count);
}

describe("augmented batches", () => {
  it("draw what they always drew: a run must be repeatable by later versions", () => {
    const problem = { seed: 2 ** 40 + 3, height: 32, width: 32, crop: 4, cutout: 8 } as const;
    // Image, down, right, mirrored, top and left of the square.
    const views = [0, 1, 2].flatMap((epoch) =>
      [0, 49_999].map((image) => viewReference(image, { ...problem, flip: "random", epoch })),
    );
    expect(views).toEqual([
      [0, 2, -4, 1, -1, 5],
      [49_999, 0, 3, 1, 24, 12],
      [0, -4, -4, 0, 7, 11],
      [49_999, 0, 1, 1, 3, 1],
      [0, -2, -2, 1, 1, 15],
      [49_999, 1, 1, 0, 17, 4],
    ]);
    const flips = [0, 1].map((epoch) =>
      Array.from({ length: 8 }, (_, image) =>
        viewReference(image, { ...problem, flip: "alternating", epoch }).at(3),
      ),
    );
    expect(flips).toEqual([
      [1, 0, 0, 1, 1, 1, 1, 0],
      [0, 1, 1, 0, 0, 0, 0, 1],
    ]);
  });

  it("mirror each image every second epoch, half of them first", async () => {
    const count = 101;
    const set = imagesOf(count, [1, 4, 1], (k) => [k, 0, 0, 255]);
    const augment = data.augment({ flip: "alternating" });
    const mirrored = Array.from({ length: 4 }, () => new Array<boolean>(count));
    for (const { index, epoch, bytes } of await imagesOfEpochs(set, 4, { batch: 7, seed: 3, augment })) {
      expect(bytes).toEqual(bytes[3] === 255 ? [index, 0, 0, 255] : [255, 0, 0, index]);
      (mirrored[epoch] ?? [])[index] = bytes[3] !== 255;
    }
    const [first = [], second, third, fourth] = mirrored;
    expect(second).toEqual(first.map((value) => !value));
    expect([third, fourth]).toEqual([first, second]);
    // Binomial: beyond 3.3 standard deviations of 5 with probability 0.001.
    expect(Math.abs(first.filter(Boolean).length - count / 2)).toBeLessThan(16.6);
  });

  it("crop and mirror uniformly", async () => {
    const set = imagesOf(200, [5, 8, 1], () => Array.from({ length: 40 }, (_, place) => place));
    const augment = data.augment({ crop: 2, flip: "random" });
    const counts = new Float64Array(50);
    for (const { bytes } of await imagesOfEpochs(set, 20, { batch: 200, augment })) {
      // Rows and columns that lie inside however the view moved.
      const [place = 0, next = 0] = [bytes[2 * 8 + 3], bytes[2 * 8 + 4]];
      const mirrored = next < place;
      const down = Math.floor(place / 8);
      const right = (mirrored ? 7 - (place % 8) : place % 8) - 1;
      const cell = (down * 5 + right) * 2 + Number(mirrored);
      counts[cell] = (counts[cell] ?? 0) + 1;
    }
    // 49 degrees of freedom: above 85.4 with probability 0.001.
    expect(counts.reduce((sum, count) => sum + (count - 80) ** 2 / 80, 0)).toBeLessThan(85.4);
  });

  it("cut out a square around any pixel", async () => {
    const set = imagesOf(200, [4, 5, 1], () => new Array(20).fill(255), { mean: [0.5] });
    const augment = data.augment({ cutout: 3 });
    const batch = await read(set.shuffled({ batch: 200, augment }).next());
    const seen = new Set<string>();
    for (let k = 0; k < 200; k++) {
      const cut = Array.from(batch.images.subarray(20 * k, 20 * k + 20), (value) =>
        value === 0 ? "." : "#",
      );
      const lines = [0, 1, 2, 3].map((row) => cut.slice(5 * row, 5 * row + 5).join(""));
      seen.add(lines.join("\n"));
    }
    expect(seen.size).toBe(20);
    expect([...seen].sort().slice(0, 2).join("\n\n")).toMatchInlineSnapshot(`
      "#####
      #####
      ###..
      ###..

      #####
      #####
      ##...
      ##..."
    `);
  });

  it("are the plain ones where nothing is to be done", async () => {
    const set = anyImages({ mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.25] });
    const plain = set.shuffled({ batch: 8, seed: 2 });
    const augmented = set.shuffled({ batch: 8, seed: 2, augment: data.augment() });
    for (let step = 0; step < 4; step++)
      expect(await read(augmented.next())).toEqual(await read(plain.next()));
  });

  it("are the same when the set lies in several chunks", async () => {
    const options = { batch: 5, seed: 1, augment: everything };
    const whole = anyImages().shuffled(options);
    const split = anyImages({ chunkBytes: 250 });
    expect(split.chunks.map(({ count }) => count)).toEqual([4, 4, 3]);
    const parts = split.shuffled(options);
    for (let step = 0; step < 7; step++) expect(await read(parts.next())).toEqual(await read(whole.next()));
  });

  it("go on from a state as if they had never stopped", async () => {
    const set = anyImages();
    const options = { batch: 4, seed: 9, augment: everything };
    const whole = set.shuffled(options);
    for (let step = 0; step < 9; step++) {
      const resumed = set.shuffled({ ...options, start: whole.state });
      const after = set.shuffled({ ...options, start: whole.state });
      after.next();
      expect(await read(resumed.next())).toEqual(await read(whole.next()));
      expect(await read(resumed.next())).toEqual(await read(after.next()));
    }
  });

  it("look the same whatever the batch, and another way each epoch and seed", async () => {
    const set = anyImages();
    const looks = async (batch: number, seed: number) =>
      (await imagesOfEpochs(set, 3, { batch, seed, augment: everything })).map(
        ({ index, epoch, bytes }) => `${epoch}: ${index}: ${bytes}`,
      );
    const [small, large, other] = [await looks(2, 5), await looks(11, 5), await looks(11, 6)];
    expect(small).toEqual(large);
    const faces = (list: string[]) => new Set(list.map((look) => look.slice(look.indexOf(":"))));
    expect(faces([...large, ...other]).size).toBeGreaterThan(60);
  });

  it("have the same bits recorded", async () => {
    const set = anyImages();
    const options = { batch: 4, seed: 9, augment: everything };
    const [eager, replayed] = [set.shuffled(options), set.shuffled(options)];
    const step = gpu.record(() => replayed.gather());
    for (let k = 0; k < 12; k++) {
      const batch = step();
      replayed.advance();
      expect(await read(batch)).toEqual(await read(eager.next()));
    }
    step.release();
  });
});

describe("augmentations", () => {
  it("are plain data", () => {
    expect(data.augment({ crop: 2, flip: "alternating" })).toEqual({
      crop: 2,
      flip: "alternating",
      cutout: 0,
    });
  });

  it("refuse what makes no sense", () => {
    expect(() => data.augment({ crop: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [augment] 'crop' must be a number of whole pixels, 0 or more, but got -1]`,
    );
    expect(() => data.augment({ cutout: 1.5 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [augment] 'cutout' must be a number of whole pixels, 0 or more, but got 1.5]`,
    );
    // @ts-expect-error not one of the three
    expect(() => data.augment({ flip: "up" })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [augment] 'flip' must be one of "none", "random", "alternating", but got "up"]`,
    );
  });

  it("refuse images that are too small", () => {
    const set = anyImages();
    const refused = (augment: data.Augmentation) => expect(() => set.shuffled({ batch: 1, augment }));
    refused(data.augment({ crop: 4 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [augment] 'crop' must be at most 3 for images [4, 5, 3] of 'images', but is 4]`,
    );
    refused(data.augment({ cutout: 5 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [augment] 'cutout' must be at most 4 for images [4, 5, 3] of 'images', but is 5]`,
    );
    set.shuffled({ batch: 1, augment: data.augment({ crop: 3, cutout: 4 }) });
  });
});
