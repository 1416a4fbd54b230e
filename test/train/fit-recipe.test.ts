/** What a modern recipe asks of `fit`: a rate for each step, label smoothing, augmentation, an optimiser that looks ahead. */
import { describe, expect, it } from "vitest";
import { data, nn, optim, type Tensor, train } from "wgrad";
import { gpu } from "../support/gpu.ts";
import { withoutTimes } from "../support/log.ts";

const set = await data.cifar100(gpu, data.syntheticCifar100({ trainCount: 50, testCount: 20 }));
// Batches of 16: epochs end after iterations 4, 7, 10, so there are two synchronisations and an end between two.
const recipe = {
  epochs: 3,
  batch: 16,
  seed: 7,
  schedule: optim.triangular({ lr: 0.02, epochs: 3 }),
  labelSmoothing: 0.2,
  augment: data.augment({ crop: 2, flip: "alternating" }),
};

function makeRun() {
  const model = nn.vgg(gpu, { width: 1 / 16, seed: 3 });
  const parameters = model.parameters();
  const groups = [
    { parameters: parameters.filter(({ shape }) => shape.length > 1) },
    { parameters: parameters.filter(({ shape }) => shape.length === 1), lrScale: 4, weightDecay: 0 },
  ];
  const sgd = optim.sgd(groups, { lr: 0, momentum: 0.85, nesterov: true, weightDecay: 0.01 });
  const tensors = [...parameters, ...model.namedBuffers().map(([, buffer]) => buffer)];
  const decay = (progress: number) => 0.95 ** 4 * progress ** 3;
  return { model, optimizer: optim.lookahead(sgd, { tensors, every: 4, decay }) };
}

/** Trains to the end, by way of a snapshot after each of these numbers of iterations. */
async function outcome(stops: readonly number[], eager = false) {
  let run = makeRun();
  let start: train.TrainState | undefined;
  for (const stop of [...stops, Number.POSITIVE_INFINITY]) {
    const controller = new AbortController();
    const { state } = await train.fit(run.model, run.optimizer, set, {
      ...recipe,
      start,
      eager,
      signal: controller.signal,
      onProgress: ({ iteration }) => iteration === stop && controller.abort(),
    });
    const snapshot = await train.decodeSnapshot(
      await train.encodeSnapshot(await train.captureRun(gpu, run, state)),
    );
    if (stop === Number.POSITIVE_INFINITY) return { log: withoutTimes(state.log), arrays: snapshot.arrays };
    run = makeRun();
    train.restoreRun(snapshot, run);
    start = state;
  }
  throw new Error("unreachable");
}

describe("a recipe with lookahead, groups, augmentation and a rate for each step", async () => {
  const whole = await outcome([]);

  it("computes the same bits eagerly", async () => {
    expect(await outcome([], true)).toEqual(whole);
  });

  it.each([[[2]], [[4]], [[6]], [[7, 9]]])(
    "computes the same bits with a resume after iterations %j",
    async (stops) => {
      expect(await outcome(stops)).toEqual(whole);
    },
  );

  it("ends on the slow copy", async () => {
    const { arrays } = whole;
    const slow = [...arrays].filter(([name]) => name.startsWith("optimizer/slow."));
    expect(slow.length).toBeGreaterThan(20);
    const model = [...arrays].filter(([name]) => name.startsWith("model/"));
    for (const [, values] of slow) expect(model.some(([, other]) => sameBits(values, other))).toBe(true);
  });
});

function sameBits(a: train.SnapshotArray, b: train.SnapshotArray): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  );
}

describe("fit", () => {
  /** An optimiser that does nothing but remember. */
  class Witness {
    readonly parameters = [];
    readonly rates: number[] = [];
    readonly progress: number[] = [];
    lr = Number.NaN;
    step() {}
    advance(progress: number) {
      this.rates.push(this.lr);
      this.progress.push(progress);
    }
  }

  it("asks the schedule before every step, by the images taken, and logs the last of an epoch", async () => {
    const optimizer = new Witness();
    const { state } = await train.fit(nn.vgg(gpu, { width: 1 / 16 }), optimizer, set, {
      epochs: 2,
      batch: 20,
      schedule: (epoch) => epoch * 10,
    });
    // Batches of 20 from 50 images: the third is half of the second epoch.
    const expected = [0, 4, 8, 12, 16];
    expect(optimizer.rates.map((rate) => Number(rate.toFixed(9)))).toEqual(expected);
    expect(state.log.map(({ lr }) => Number(lr.toFixed(9)))).toEqual([8, 16]);
    expect(optimizer.progress).toEqual([0.2, 0.4, 0.6, 0.8, 1]);
  });

  it("smooths the labels of the training loss only", async () => {
    const losses = async (labelSmoothing: number) => {
      const { state } = await train.fit(nn.vgg(gpu, { width: 1 / 16 }), new Witness(), set, {
        epochs: 1,
        batch: 25,
        labelSmoothing,
      });
      return state.log[0];
    };
    const [plain, smooth] = [await losses(0), await losses(0.5)];
    expect(smooth?.["validation/main/loss"]).toBe(plain?.["validation/main/loss"]);
    expect(smooth?.["main/accuracy"]).toBe(plain?.["main/accuracy"]);
    expect(smooth?.["main/loss"]).not.toBe(plain?.["main/loss"]);
    await expect(losses(2)).rejects.toThrow(/'labelSmoothing' must lie in 0 to 1, but got 2/);
  });

  describe("with clipNorm", () => {
    const train1 = async (clipNorm?: number, eager?: boolean) => {
      const model = nn.vgg(gpu, { width: 1 / 16, seed: 3 });
      const parameters = model.parameters();
      const before = await valuesOf(parameters);
      const { state } = await train.fit(model, optim.sgd(parameters, { lr: 1 }), set, {
        ...{ epochs: 1, batch: 50, clipNorm, eager },
      });
      const after = await valuesOf(parameters);
      const squares = after.map((value, k) => (value - (before[k] ?? 0)) ** 2);
      return {
        after,
        loss: state.log[0]?.["main/loss"],
        length: Math.sqrt(squares.reduce((a, b) => a + b, 0)),
      };
    };
    const valuesOf = async (tensors: readonly Tensor[]) =>
      (await Promise.all(tensors.map((tensor) => tensor.data()))).flatMap((values) => [...values]);

    it.each([false, true])("a step at rate 1 is that long at most, eager: %s", async (eager) => {
      const free = await train1(undefined, eager);
      expect(free.length).toBeGreaterThan(0.5);
      const clipped = await train1(0.25, eager);
      expect(clipped.loss).toBe(free.loss);
      expect(Math.abs(clipped.length / 0.25 - 1)).toBeLessThan(1e-4);
      expect((await train1(1e3, eager)).after).toEqual(free.after);
    });

    it("a step has the same bits eager and recorded", async () => {
      expect(await train1(0.25, true)).toEqual(await train1(0.25, false));
    });

    it.each([0, -1, Number.NaN])("%s is refused", async (clipNorm) => {
      await expect(train1(clipNorm)).rejects.toThrow(
        `[fit] 'clipNorm' must be above 0, but got ${clipNorm}; leave it out to clip nothing`,
      );
    });
  });
});
