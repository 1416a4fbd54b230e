/** The training loop: what it logs, and that a run that was stopped goes on with the bits of one that wasn't. */
import { describe, expect, it, vi } from "vitest";
import { createGpu, data, nn, optim, type Tensor, train } from "wgrad";
import { gpu } from "../support/gpu.ts";
import { logKeys, withoutTimes } from "../support/log.ts";

const source = data.syntheticCifar100({ trainCount: 50, testCount: 20 });
const set = await data.cifar100(gpu, source);
const schedule = optim.stepDecay({ lr: 0.01, every: 3 });

function makeRun() {
  const model = nn.vgg(gpu, { width: 1 / 16, seed: 3 });
  const options = { lr: 0.01, momentum: 0.9, weightDecay: 5e-4, rule: "chainer" } as const;
  return { model, optimizer: optim.sgd(model.parameters(), options) };
}

/** Trains to the end, stopping and resuming from the bytes of a snapshot after each of these numbers of iterations. */
async function trainWithStops(epochs: number, stops: readonly number[]) {
  let run = makeRun();
  let start: train.TrainState | undefined;
  for (const stop of [...stops, Number.POSITIVE_INFINITY]) {
    const controller = new AbortController();
    if (start?.iteration === stop) controller.abort();
    const { state, finished } = await train.fit(run.model, run.optimizer, set, {
      epochs,
      batch: 16,
      seed: 7,
      schedule,
      start,
      signal: controller.signal,
      onProgress: ({ iteration }) => iteration === stop && controller.abort(),
    });
    expect(finished).toBe(stop === Number.POSITIVE_INFINITY);
    const bytes = await train.encodeSnapshot(await train.captureRun(gpu, run, state));
    if (finished) return { state, ...(await train.decodeSnapshot(bytes)) };
    expect(state.iteration).toBe(stop);
    const snapshot = await train.decodeSnapshot(bytes);
    run = makeRun();
    train.restoreRun(snapshot, run);
    start = train.describeRun(snapshot).state;
  }
  throw new Error("unreachable");
}

function bits(arrays: ReadonlyMap<string, train.SnapshotArray>) {
  return new Map([...arrays].map(([name, { buffer }]) => [name, Buffer.from(buffer).toString("base64")]));
}

describe("a resumed run", async () => {
  const whole = await trainWithStops(7, []);

  // Epochs of 50 images end after iterations 4, 7, 10, 13, 16, 19, 22.
  it.each([
    ["in the first epoch", [2]],
    ["after epoch 2", [7]],
    ["after epoch 3, where the rate changes", [10]],
    ["in epoch 4, twice", [11, 12]],
    ["at every boundary", [4, 7, 10, 13, 16, 19, 22]],
  ])("has the bits and the log of an uninterrupted one: stopped %s", async (_, stops) => {
    const resumed = await trainWithStops(7, stops);
    expect(withoutTimes(resumed.state.log)).toEqual(withoutTimes(whole.state.log));
    expect(bits(resumed.arrays)).toEqual(bits(whole.arrays));
    expect({ ...resumed.state, log: 0, elapsedTime: 0 }).toEqual({ ...whole.state, log: 0, elapsedTime: 0 });
  });

  it("logs Chainer's keys, and the rate by epochs since the start", () => {
    const { log } = whole.state;
    expect(log.map(({ lr }) => lr)).toEqual([0.01, 0.01, 0.01, 0.005, 0.005, 0.005, 0.0025]);
    expect(log.map(({ iteration }) => iteration)).toEqual([4, 7, 10, 13, 16, 19, 22]);
    expect(log.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(Object.keys(log[0] ?? {})).toEqual(logKeys);
    expect(log.every((entry) => Object.values(entry).every(Number.isFinite))).toBe(true);
    expect((log[6]?.["main/accuracy"] ?? 0) * 48).toBeCloseTo(
      Math.round((log[6]?.["main/accuracy"] ?? 0) * 48),
      9,
    );
  });

  it("keeps counting time", async () => {
    const { log } = (await trainWithStops(3, [5])).state;
    const elapsed = log.map(({ elapsed_time }) => elapsed_time);
    expect([...elapsed].sort((a, b) => a - b)).toEqual(elapsed);
    expect(log.every(({ images_per_second }) => images_per_second > 0)).toBe(true);
  });
});

describe("fit", () => {
  it("computes the same bits eagerly and recorded, and logs the same", async () => {
    const outcome = async (eager: boolean) => {
      const run = makeRun();
      // A validation batch of 16 leaves 4 of the 20 images: two recordings.
      const { state } = await train.fit(run.model, run.optimizer, set, {
        epochs: 2,
        batch: 16,
        schedule,
        eager,
      });
      const { arrays } = await train.captureRun(gpu, run, state);
      return { log: withoutTimes(state.log), arrays: bits(arrays) };
    };
    expect(await outcome(false)).toEqual(await outcome(true));
  });

  it("learns: on a GPU on which nothing ran before, 20 images are soon known by heart", async () => {
    const fresh = await createGpu({ device: gpu.device.raw });
    const few = await data.cifar100(fresh, source, { trainLimit: 20 });
    const model = nn.vgg(fresh, { width: 1 / 8, dropout: false });
    const optimizer = optim.sgd(model.parameters(), { lr: 0.05, momentum: 0.9 });
    const { state } = await train.fit(
      model,
      optimizer,
      { train: few.train, test: few.train },
      { epochs: 40, batch: 20 },
    );
    const losses = state.log.map((entry) => entry["main/loss"]);
    expect(losses[0]).toBeGreaterThan(4);
    expect(losses.at(-1)).toBeLessThan(1);
  });

  it("stops with advice when the loss is no number any more", async () => {
    const { model, optimizer } = makeRun();
    model.parameters()[0]?.write(new Float32Array(model.parameters()[0]?.size ?? 0).fill(Number.NaN));
    const fitting = train.fit(model, optimizer, set, { epochs: 100, batch: 16, metricsEvery: 2 });
    await expect(fitting).rejects.toThrow(train.DivergedError);
    await expect(fitting).rejects.toThrow(
      /the training loss is NaN at iteration \d+ \(epoch \d\): .*lower learning rate than 0.01/,
    );
  });

  it("doesn't log or hand out an epoch whose validation loss is no number", async () => {
    const { model, optimizer } = makeRun();
    const [, variance] = model.namedBuffers().find(([name]) => name.endsWith("runningVar")) ?? [];
    const epochs: number[] = [];
    const fitting = train.fit(model, optimizer, set, {
      epochs: 2,
      batch: 25,
      onProgress: ({ iteration }) =>
        iteration === 4 && variance?.write(new Float32Array(variance.size).fill(-1)),
      onEpoch: ({ epoch }) => void epochs.push(epoch),
    });
    await expect(fitting).rejects.toThrow(/the validation loss is NaN at iteration 4 \(epoch 2\)/);
    expect(epochs).toEqual([1]);
  });

  it("with checkNumerics stops at the very step and says where, eagerly and recorded", async () => {
    for (const eager of [false, true]) {
      const { model, optimizer } = makeRun();
      const gamma = model.namedParameters().find(([name]) => name === "stage2.1.norm.gamma")?.[1];
      const seen: number[] = [];
      const fitting = train.fit(model, optimizer, set, {
        epochs: 9,
        batch: 16,
        eager,
        checkNumerics: true,
        onProgress: ({ iteration }) => {
          seen.push(iteration);
          if (iteration === 2) gamma?.write(new Float32Array(gamma.size).fill(Number.POSITIVE_INFINITY));
        },
      });
      await expect(fitting).rejects.toThrow(train.DivergedError);
      await expect(fitting).rejects.toThrow(
        "[numerics] Infinity at [0] of 'stage2.1.norm.gamma' [8], which 'batchNormReluDropout' in stage2.1.norm reads " +
          "(forward), in iteration 3",
      );
      expect(seen).toEqual([1, 2]);
    }
  });

  it("saves later snapshots as newer ones, though the clock be set back, before a resume or after", async () => {
    const clock = vi.spyOn(Date, "now");
    try {
      const run = makeRun();
      const { state } = await train.fit(run.model, run.optimizer, set, { epochs: 1, batch: 16 });
      const save = async (now: number) => {
        clock.mockReturnValue(now);
        const snapshot = await train.captureRun(gpu, run, state);
        const { meta } = snapshot;
        const savedAt = typeof meta === "object" && meta !== null && "savedAt" in meta ? meta.savedAt : 0;
        return { snapshot, savedAt: Number(savedAt) };
      };
      const later = 4e12;
      const [a, b, c] = [await save(later), await save(later - 10_000), await save(later + 10_000)];
      expect([b.savedAt > a.savedAt, c.savedAt]).toEqual([true, later + 10_000]);
      const { meta, arrays } = a.snapshot;
      const elsewhere = { arrays, meta: { ...Object(meta), savedAt: 2 * later } };
      train.restoreRun(elsewhere, run);
      expect((await save(later)).savedAt).toBeGreaterThan(2 * later);
    } finally {
      clock.mockRestore();
    }
  });

  it("with checkNumerics computes the same bits", async () => {
    const outcome = async (checkNumerics: boolean) => {
      const run = makeRun();
      const { state } = await train.fit(run.model, run.optimizer, set, {
        epochs: 1,
        batch: 16,
        checkNumerics,
      });
      const { arrays } = await train.captureRun(gpu, run, state);
      return { log: withoutTimes(state.log), arrays: bits(arrays) };
    };
    expect(await outcome(true)).toEqual(await outcome(false));
  });

  it("reports kernels, steps and validation", async () => {
    const { model, optimizer } = makeRun();
    const seen: string[] = [];
    await train.fit(model, optimizer, set, {
      epochs: 1,
      batch: 25,
      onProgress: ({ phase, iteration, position, validated }) =>
        seen.push(`${phase} ${iteration} ${position} ${validated}`),
    });
    expect(seen).toEqual(["training 1 25 0", "training 2 0 0", "validation 2 0 20"]);
  });

  it("refuses what makes no sense", async () => {
    const { model, optimizer } = makeRun();
    await expect(train.fit(model, optimizer, set, { epochs: 0 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: [fit] 'epochs' must be a positive integer, but got 0]`,
    );
    await expect(
      train.fit(model, optimizer, set, { epochs: 1, batch: 51 }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: [data] 'batch' must be from 1 to the 50 images of 'synthetic train', but got 51; use a smaller batch or more images]`,
    );
  });

  it("leaves no memory behind", async () => {
    const { model, optimizer } = makeRun();
    const used: number[] = [];
    const options = { epochs: 6, batch: 25, onEpoch: () => void used.push(gpu.memory.buffers) };
    await train.fit(model, optimizer, set, options);
    expect(used.at(-1)).toBeLessThanOrEqual(used[2] ?? 0);
  });
});

describe("evaluate", () => {
  /** Says that every image is of the class of its first byte. */
  class ByFirstByte extends nn.Module {
    readonly logits: Tensor;
    constructor(rows: number[][]) {
      super();
      this.logits = nn.buffer(gpu.tensor(new Float32Array(rows.flat()), [rows.length, 2]));
    }
    #at = 0;
    forward(images: Tensor): Tensor {
      const [count = 0] = images.shape;
      const y = gpu.empty([count, 2]);
      const { buffer, byteOffset } = this.logits;
      const rows = { buffer, byteOffset: byteOffset + 8 * this.#at, byteLength: 8 * count };
      gpu.device.stream.copy(rows, y);
      this.#at += count;
      return y;
    }
  }

  it("counts images, not batches: 4 of 5 right, 3 at a time, is 0.8", async () => {
    const right = [4, 0];
    const images = data.fromArrays(gpu, {
      images: new Uint8Array(20),
      labels: [0, 0, 0, 0, 0],
      shape: [1, 1, 4],
      classes: 2,
    });
    const model = new ByFirstByte([right, right, right, right, [0, 4]]);
    const { accuracy, correct, count } = await train.evaluate(model, images, { batch: 3 });
    expect({ accuracy, correct, count }).toEqual({ accuracy: 0.8, correct: 4, count: 5 });
  });

  it("gives the same for every batch size", async () => {
    const { model } = makeRun();
    const { test } = await data.cifar100(gpu, data.syntheticCifar100({ trainCount: 1, testCount: 130 }));
    const results = [];
    for (const batch of [7, 64, 100, 128]) results.push(await train.evaluate(model, test, { batch }));
    for (const { accuracy, correct, loss } of results) {
      expect(accuracy * 130).toBeCloseTo(correct, 9);
      expect(Math.abs(correct - (results[0]?.correct ?? 0))).toBeLessThanOrEqual(1);
      expect(Math.abs(loss / (results[0]?.loss ?? 0) - 1)).toBeLessThan(1e-5);
    }
  });

  it("stops when told", async () => {
    const { model } = makeRun();
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(train.evaluate(model, set.test, { signal })).rejects.toThrow("enough");
  });
});
