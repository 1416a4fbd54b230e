/** Parameter groups, Nesterov's rule and Adam, against PyTorch. */
import { describe, expect, it } from "vitest";
import { mul, optim, sum, type Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { dispatchesOf, giveGradients, leaves, saved } from "../support/optim.ts";
import fixture from "./fixtures/optim.json" with { type: "json" };

/** Of fixtures/optim.json, with the settings of make_optim_fixtures.py. */
const rules: Readonly<Record<string, (groups: optim.Parameters) => optim.Optimizer>> = {
  sgd: (groups) => optim.sgd(groups, { lr: 1, momentum: 0.9, weightDecay: 0.01 }),
  nesterov: (groups) => optim.sgd(groups, { lr: 1, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
  adam: (groups) => optim.adam(groups, adamOptions),
  adamw: (groups) => optim.adamw(groups, adamOptions),
};
const adamOptions = { lr: 1, betas: [0.8, 0.95], epsilon: 1e-6, weightDecay: 0.01 } as const;
const parametersAfter: Readonly<Record<string, number[][]>> = fixture.parameters;

/** The groups of the fixture: the first two parameters twice as fast, without decay. */
function grouped(parameters: readonly Tensor[]): optim.ParameterGroup[] {
  return [
    { parameters: parameters.slice(0, 2), lrScale: 2, weightDecay: 0 },
    { parameters: parameters.slice(2) },
  ];
}

describe("parameter groups", () => {
  for (const [name, make] of Object.entries(rules)) {
    it.each(["eager", "recorded"])(`follow PyTorch's ${name} while the rate changes, %s`, async (mode) => {
      const parameters = leaves(fixture.sizes);
      const optimizer = make(grouped(parameters));
      const gradients = parameters.map(({ size }) => gpu.tensor(new Float32Array(size), [size]));
      const learn = () => {
        parameters.forEach((p, k) => {
          const gradient = gradients[k];
          if (gradient) sum(mul(p, gradient)).backward();
        });
        optimizer.step();
      };
      const step = mode === "eager" ? learn : gpu.record(learn);
      for (const [k, lr] of fixture.rates.entries()) {
        optimizer.lr = lr;
        gradients.forEach((gradient, index) => {
          gradient.write(noise(gradient.size, 100 * (k + 1) + index));
        });
        step();
      }
      for (const [k, want] of (parametersAfter[name] ?? []).entries()) {
        // Five steps of five roundings each.
        expect(largestError((await parameters[k]?.data()) ?? [], want)).toBeLessThan(25 * 2 ** -24);
      }
    });
  }

  it("lie group by group, so that each is one dispatch whatever the order of the model", () => {
    const parameters = leaves([3, 64, 5, 65, 7, 66]);
    const optimizer = optim.sgd(
      [
        { parameters: parameters.filter((_, k) => k % 2 === 0), weightDecay: 0 },
        { parameters: [] },
        { parameters: parameters.filter((_, k) => k % 2 === 1) },
      ],
      { lr: 0.1, weightDecay: 0.1 },
    );
    giveGradients(parameters, 3);
    expect(dispatchesOf(() => optimizer.step())).toBe(2);
  });

  it("compute what a list computes, if all groups are alike", async () => {
    const run = async (parameters: Tensor[], groups: optim.Parameters) => {
      const optimizer = optim.sgd(groups, { lr: 0.1, momentum: 0.9, weightDecay: 0.01, rule: "chainer" });
      for (const seed of [10, 20]) {
        giveGradients(parameters, seed);
        optimizer.step();
      }
      return Promise.all(parameters.map((p) => p.data()));
    };
    const [listed, split] = [leaves([3, 64, 5]), leaves([3, 64, 5])];
    const groups = [
      { parameters: split.slice(1), lrScale: 1 },
      { parameters: split.slice(0, 1), weightDecay: 0.01 },
    ];
    expect(await run(split, groups)).toEqual(await run(listed, listed));
  });

  it("take the optimiser's settings for what's given as undefined, and AdamW its own", async () => {
    const [p] = leaves([3]) as [Tensor];
    const before = await p.data();
    const undecided: object = { lrScale: undefined, weightDecay: undefined };
    const optimizer = optim.sgd([{ parameters: [p], ...undecided }], { lr: 0.5, weightDecay: 1 });
    sum(mul(p, 0)).backward();
    optimizer.step();
    expect(await p.data()).toEqual(before.map((value) => value / 2));
    expect(optim.adamw([p], { ...undecided }).weightDecay).toBe(0.01);
  });

  it("refuses a tensor in two groups and factors that are no factors", () => {
    const [a, b] = leaves([2, 3]) as [Tensor, Tensor];
    expect(() =>
      optim.sgd([{ parameters: [a, b] }, { parameters: [b] }], { lr: 1 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [sgd] 'p1' [3] is in groups 0 and 1; a parameter has one rate: put it in one group]`,
    );
    expect(() => optim.sgd([{ parameters: [a], lrScale: -1 }], { lr: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [sgd] 'lrScale' of group 0 must be a finite number, 0 or more, but got -1]`,
    );
    expect(() =>
      optim.sgd([{ parameters: [a] }, { parameters: [b], weightDecay: Number.NaN }], { lr: 1 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [sgd] 'weightDecay' of group 1 must be a finite number, 0 or more, but got NaN]`,
    );
    expect(() => optim.sgd([{ parameters: [] }], { lr: 1 })).toThrow(/got no parameters/);
  });
});

describe("nesterov", () => {
  it("goes with momentum and PyTorch's rule only", () => {
    const parameters = leaves([2]);
    expect(() => optim.sgd(parameters, { lr: 1, nesterov: true })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [sgd] 'nesterov' needs a momentum above 0, but got 0; set it, or leave nesterov out]`,
    );
    expect(() =>
      optim.sgd(parameters, { lr: 1, momentum: 0.9, nesterov: true, rule: "chainer" }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [sgd] 'nesterov' goes with rule "pytorch" only; leave 'rule' out, or nesterov]`,
    );
  });

  it("is in the state, which leaves it out where it's off, as older snapshots do", async () => {
    const options = { lr: 1, momentum: 0.9 };
    const plain = optim.sgd(leaves([2]), options);
    const nesterov = optim.sgd(leaves([2]), { ...options, nesterov: true });
    expect(plain.stateDict().settings).toEqual({ ...options, rule: "pytorch", weightDecay: 0 });
    expect(nesterov.stateDict().settings).toMatchObject({ nesterov: true });
    nesterov.loadStateDict(await saved(nesterov.stateDict()));
    expect(() => nesterov.loadStateDict(plain.stateDict())).toThrowErrorMatchingInlineSnapshot(
      `[Error: [sgd] the state is of nesterov false, but this optimiser's is true; make it with the same]`,
    );
    expect(() => plain.loadStateDict(nesterov.stateDict())).toThrow(/of nesterov true/);
  });
});

describe("adam", () => {
  it("continues from its state with the same bits, its count of steps included", async () => {
    const [whole, halves] = [leaves([5, 64]), leaves([5, 64])];
    const step = (optimizer: optim.Optimizer, seed: number) => {
      giveGradients(optimizer.parameters, seed);
      optimizer.step();
    };
    const optimizer = optim.adamw(whole);
    const before = optim.adamw(halves);
    for (const seed of [10, 20, 30]) {
      step(optimizer, seed);
      step(before, seed);
    }
    const state = await saved(before.stateDict());
    expect(Array.from(state.tensors.corrections?.data ?? [], (value) => value.toFixed(6))).toEqual([
      (1 - 0.9 ** 3).toFixed(6),
      (1 - 0.999 ** 3).toFixed(6),
    ]);
    const resumed = optim.adamw(halves, { lr: 7, betas: [0, 0] });
    resumed.loadStateDict(state);
    for (const seed of [40, 50]) {
      step(optimizer, seed);
      step(resumed, seed);
    }
    for (const [k, p] of whole.entries()) expect(await halves[k]?.data()).toEqual(await p.data());
  });

  it("has PyTorch's defaults", () => {
    const defaults = { lr: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    const parameters = leaves([2]);
    expect(optim.adam(parameters).stateDict().settings).toEqual({
      rule: "adam",
      ...defaults,
      weightDecay: 0,
    });
    expect(optim.adamw(parameters).stateDict().settings).toEqual({
      rule: "adamw",
      ...defaults,
      weightDecay: 0.01,
    });
  });

  it("says what is wrong", () => {
    const parameters = leaves([2]);
    expect(() => optim.adam(parameters, { betas: [0.9, 1] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [adam] 'betas' must be at least 0 and below 1, but got 1]`,
    );
    expect(() => optim.adamw(parameters, { epsilon: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [adamw] 'epsilon' must be a finite number, 0 or more, but got -1]`,
    );
    const adam = optim.adam(parameters);
    const state = optim.sgd(parameters, { lr: 1 }).stateDict();
    expect(() => adam.loadStateDict(state)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [adam] the state is of rule "pytorch", but this optimiser's is "adam"; make it with the same]`,
    );
    const own = adam.stateDict();
    const broken = { ...own, settings: { ...own.settings, lr: JSON.parse("null") } };
    expect(() => adam.loadStateDict(broken)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [adam] 'lr' must be a finite number, 0 or more, but got NaN]`,
    );
  });
});
