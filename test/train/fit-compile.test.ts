/** What a run computes with is compiled before its first step, and where nothing is left to compute, nothing is. */
import { describe, expect, it } from "vitest";
import { createGpu, data, type Gpu, nn, optim, train } from "wgrad";
import { Ema } from "../../src/nn/optim/ema.ts";
import { gpu } from "../support/gpu.ts";

const source = data.syntheticCifar100({ trainCount: 50, testCount: 20 });

async function makeRun(optimize: (model: nn.Module) => optim.Optimizer = plain) {
  // A Gpu of its own, on the same device: nothing was compiled on it yet.
  const fresh: Gpu = await createGpu({ device: gpu.device.raw });
  const set = await data.cifar100(fresh, source);
  const model = nn.vgg(fresh, { width: 1 / 16 });
  return { pipelines: fresh.device.pipelines, set, model, optimizer: optimize(model) };
}

const plain = (model: nn.Module) => optim.sgd(model.parameters(), { lr: 0.01 });
const nesterov = { lr: 0.01, momentum: 0.9, nesterov: true };
const optimizers: Record<string, (model: nn.Module) => optim.Optimizer> = {
  sgd: plain,
  "sgd with Nesterov": (model) => optim.sgd(model.parameters(), nesterov),
  adam: (model) => optim.adam(model.parameters(), { lr: 0.01 }),
  adamw: (model) => optim.adamw(model.parameters(), { lr: 0.01 }),
  lookahead: (model) => optim.lookahead(plain(model), { tensors: model.parameters(), every: 2 }),
  "ema around lookahead": (model) =>
    optim.ema(optimizers.lookahead?.(model) ?? plain(model), { tensors: model.parameters() }),
};

describe("every kernel is compiled before the first step", () => {
  it.each(Object.entries(optimizers))("%s", async (_, optimize) => {
    const { pipelines, set, model, optimizer } = await makeRun(optimize);
    let atFirstStep = 0;
    await train.fit(model, optimizer, set, {
      epochs: 2,
      batch: 14, // of validation's 20 images, 6 are left
      schedule: optim.stepDecay({ lr: 0.01, every: 1 }),
      clipNorm: 1,
      onProgress: () => {
        atFirstStep ||= pipelines.size;
      },
      onEpoch: () => (optimizer instanceof Ema ? optimizer.averaged(() => {}) : undefined),
    });
    expect(atFirstStep).toBeGreaterThan(20);
    expect(pipelines.size).toBe(atFirstStep);
  });

  it("and nothing is changed by that", async () => {
    const { set, model, optimizer } = await makeRun(optimizers["ema around lookahead"]);
    const tensors = () => Promise.all(Object.values(optimizer.stateDict().tensors).map((x) => x.data()));
    const before = [await tensors(), optimizer.stateDict().settings];
    const controller = new AbortController();
    await train.fit(model, optimizer, set, {
      epochs: 1,
      batch: 25,
      signal: controller.signal,
      onCompile: () => controller.abort(),
    });
    expect([await tensors(), optimizer.stateDict().settings]).toEqual(before);
  });
});

describe("a resumed run", () => {
  const stopAfter = async (phase: train.Progress["phase"]) => {
    const { set, model, optimizer } = await makeRun();
    const controller = new AbortController();
    const { state } = await train.fit(model, optimizer, set, {
      epochs: 1,
      batch: 25,
      evaluateBatch: 10,
      signal: controller.signal,
      onProgress: (progress) => progress.phase === phase && progress.iteration === 2 && controller.abort(),
    });
    return state;
  };
  const resume = async (start: train.TrainState) => {
    const { pipelines, set, model, optimizer } = await makeRun();
    const before = pipelines.size;
    const seen: string[] = [];
    const { finished, state } = await train.fit(model, optimizer, set, {
      epochs: 1,
      start,
      onMemory: () => seen.push("memory"),
      onCompile: (_, __, kernel) => seen.push(kernel),
    });
    expect({ finished, epochs: state.log.length }).toEqual({ finished: true, epochs: 1 });
    return { seen, compiled: pipelines.size - before };
  };

  it("at its end compiles nothing", async () => {
    const { set, model, optimizer } = await makeRun();
    const { state } = await train.fit(model, optimizer, set, { epochs: 1, batch: 25 });
    expect(await resume(state)).toEqual({ seen: [], compiled: 0 });
  });

  it("whose last validation is left compiles what validates", async () => {
    const { seen, compiled } = await resume(await stopAfter("validation"));
    expect(compiled).toBeGreaterThan(5);
    expect(seen.filter((kernel) => /grad|backward|sgd/.test(kernel))).toEqual([]);
  });
});
