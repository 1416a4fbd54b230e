/** Nesterov's rule and parameter groups, against PyTorch. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { mul, optim, sum, type Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { dispatchesOf, giveGradients, leaves, saved } from "../support/optim.ts";

/** What make_optim_fixtures.py writes: parameters after five steps in float64. */
interface Fixture {
  readonly sizes: number[];
  readonly rates: number[];
  readonly parameters: Readonly<Record<string, number[][]>>;
}
const fixture: Fixture = JSON.parse(readFileSync(new URL("./fixtures/optim.json", import.meta.url), "utf8"));

const rules = { sgd: false, nesterov: true };

/** The groups of the fixture: the first two parameters twice as fast, without decay. */
function grouped(parameters: readonly Tensor[]): optim.ParameterGroup[] {
  return [
    { parameters: parameters.slice(0, 2), lrScale: 2, weightDecay: 0 },
    { parameters: parameters.slice(2) },
  ];
}

describe("parameter groups", () => {
  for (const [name, nesterov] of Object.entries(rules)) {
    it.each(["eager", "recorded"])(`follow PyTorch's ${name} while the rate changes, %s`, async (mode) => {
      const parameters = leaves(fixture.sizes);
      const optimizer = optim.sgd(grouped(parameters), {
        lr: 1,
        momentum: 0.9,
        nesterov,
        weightDecay: 0.01,
      });
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
      for (const [k, want] of (fixture.parameters[name] ?? []).entries()) {
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
      `[Error: [sgd] the state is of nesterov: false, but this optimiser's is true; make it with the same]`,
    );
    expect(() => plain.loadStateDict(nesterov.stateDict())).toThrow(/nesterov: true/);
  });
});
