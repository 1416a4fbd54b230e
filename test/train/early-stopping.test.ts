/** Early stopping: when it fires, and that a resumed run ends where one in one piece does. */
import { describe, expect, it } from "vitest";
import { data, nn, optim, train } from "wgrad";
import { gpu } from "../support/gpu.ts";
import { withoutTimes } from "../support/log.ts";

/** A log with these values of one metric. */
function logOf(metric: train.MetricName, values: readonly number[]): train.LogEntry[] {
  const others = {
    "main/loss": 1,
    "main/accuracy": 0,
    "validation/main/loss": 1,
    "validation/main/accuracy": 0,
  };
  return values.map((value, k) => ({
    epoch: k + 1,
    iteration: k + 1,
    ...others,
    [metric]: value,
    lr: 0.1,
    elapsed_time: k,
    images_per_second: 1,
  }));
}

/** The epoch after which training of these values ends; undefined if it goes on. */
function endOf(options: train.EarlyStoppingOptions, values: readonly number[]): number | undefined {
  const log = logOf(options.metric, values);
  const stop = train.earlyStopping(options);
  return log.find((_, k) => stop(log.slice(0, k + 1)))?.epoch;
}

describe("earlyStopping", () => {
  const loss = "validation/main/loss";
  const accuracy = "validation/main/accuracy";

  it.each([
    ["three epochs above the best", loss, [5, 4, 6, 6, 6, 1], 5],
    ["a better one in time starts the count again", loss, [5, 4, 6, 6, 3, 4, 4, 4], 8],
    ["the same again isn't better", loss, [4, 4, 4, 4], 4],
    ["falling for good", loss, [9, 8, 7, 6, 5, 4], undefined],
    ["accuracy is to rise", accuracy, [0.1, 0.2, 0.3, 0.4, 0.5], undefined],
    ["accuracy that falls", accuracy, [0.5, 0.4, 0.3, 0.2], 4],
    ["accuracy 0 from the start", accuracy, [0, 0, 0, 0], 4],
    ["no number at all", loss, [Number.NaN, Number.NaN, Number.NaN], 3],
    ["no number in between", loss, [3, Number.NaN, 2, Number.NaN, Number.NaN, Number.NaN], 6],
    ["infinite at first", loss, [Number.POSITIVE_INFINITY, 3, 2], undefined],
  ] as const)("%s", (_, metric, values, end) => {
    expect(endOf({ metric }, values)).toBe(end);
  });

  it("takes another patience and direction", () => {
    expect(endOf({ metric: loss, patience: 1 }, [3, 2, 2, 1])).toBe(3);
    expect(endOf({ metric: loss, mode: "max" }, [4, 3, 2, 1])).toBe(4);
    expect(endOf({ metric: accuracy, mode: "min" }, [0.4, 0.3, 0.2, 0.1])).toBeUndefined();
  });

  it("says which metrics there are", () => {
    const metric = "validation/loss" as train.MetricName;
    expect(() => train.earlyStopping({ metric })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [earlyStopping] 'metric' must be main/loss, main/accuracy, validation/main/loss, validation/main/accuracy, but got 'validation/loss']`,
    );
    expect(() => train.earlyStopping({ metric: loss, patience: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [earlyStopping] 'patience' must be a positive integer, but got 0]`,
    );
  });

  it("finds the best epoch, the first of equal ones", () => {
    expect(train.bestEntry(logOf(accuracy, [0.1, 0.3, 0.3, 0.2]), accuracy)?.epoch).toBe(2);
    expect(train.bestEntry([], accuracy)).toBeUndefined();
  });
});

describe("fit with stopWhen", async () => {
  const set = await data.cifar100(gpu, data.syntheticCifar100({ trainCount: 32, testCount: 8 }));
  const makeRun = () => {
    const model = nn.vgg(gpu, { width: 1 / 16, seed: 3 });
    return { model, optimizer: optim.sgd(model.parameters(), { lr: 0.05, momentum: 0.9 }) };
  };
  // Of 8 test images at a rate of 0.05, the loss soon rises; which epoch is decided by the log, whatever it says.
  const options = {
    epochs: 30,
    batch: 16,
    stopWhen: train.earlyStopping({ metric: "validation/main/accuracy" }),
  };
  const whole = makeRun();
  const { state, ...outcome } = await train.fit(whole.model, whole.optimizer, set, options);

  it("ends early, and says so", () => {
    expect(outcome).toEqual({ finished: true, stoppedEarly: true });
    expect(state.epoch).toBeLessThan(30);
    const best = train.bestEntry(state.log, "validation/main/accuracy");
    expect(state.epoch).toBe((best?.epoch ?? 0) + 3);
  });

  it.each([
    ["in the epoch before the last", 2 * state.epoch - 3],
    ["after the epoch before the last", 2 * state.epoch - 2],
  ])("ends at the same epoch when resumed %s", async (_, stop) => {
    const first = makeRun();
    const controller = new AbortController();
    const stopped = await train.fit(first.model, first.optimizer, set, {
      ...options,
      signal: controller.signal,
      onProgress: ({ iteration }) => iteration === stop && controller.abort(),
    });
    expect(stopped.stoppedEarly).toBe(false);
    const snapshot = await train.captureRun(gpu, first, stopped.state);
    const second = makeRun();
    train.restoreRun(snapshot, second);
    const resumed = await train.fit(second.model, second.optimizer, set, {
      ...options,
      start: stopped.state,
    });
    expect(resumed.stoppedEarly).toBe(true);
    expect(withoutTimes(resumed.state.log)).toEqual(withoutTimes(state.log));
  });

  it("resumed where it ended, it ends at once; without the condition it goes on", async () => {
    const again = await train.fit(whole.model, whole.optimizer, set, { ...options, start: state });
    expect([again.stoppedEarly, again.state.iteration]).toEqual([true, state.iteration]);
    const { stopWhen, ...rest } = options;
    const epochs = state.epoch + 1;
    const longer = await train.fit(whole.model, whole.optimizer, set, { ...rest, epochs, start: state });
    expect([longer.finished, longer.stoppedEarly, longer.state.epoch]).toEqual([true, false, epochs]);
  });
});
