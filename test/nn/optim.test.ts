/** The optimiser's rules against float64; where parameters and gradients lie; what it refuses. */
import { describe, expect, it } from "vitest";
import { mul, nn, optim, sum, type Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { type SgdSettings, sgdStepReference } from "../../src/kernels/sgd.reference.ts";
import { gpu } from "../support/gpu.ts";
import { dispatchesOf, giveGradients, leaves, saved } from "../support/optim.ts";

const sizes = [1, 5, 64, 257];

function largestError(values: ArrayLike<number>, reference: ArrayLike<number>): number {
  return Math.max(...Array.from(reference, (want, k) => Math.abs(want - (values[k] ?? Number.NaN))));
}

describe("sgd", () => {
  for (const rule of ["pytorch", "chainer"] as const) {
    it(`follows the rule of ${rule} over five steps, with the rate halved before the third`, async () => {
      const parameters = leaves(sizes);
      const settings: SgdSettings = { rule, lr: 0.1, momentum: 0.9, weightDecay: 0.01 };
      const optimizer = optim.sgd(parameters, settings);
      let state: ReturnType<typeof sgdStepReference>[] = sizes.map((count, k) => ({
        parameter: Float64Array.from(noise(count, k + 1)),
        velocity: new Float64Array(count),
      }));
      for (let step = 0; step < 5; step++) {
        const lr = step < 2 ? 0.1 : 0.05;
        optimizer.lr = lr;
        giveGradients(parameters, 100 * (step + 1));
        optimizer.step();
        state = state.map(({ parameter, velocity }, k) =>
          sgdStepReference(parameter, noise(parameter.length, 100 * (step + 1) + k), velocity, {
            ...settings,
            lr,
          }),
        );
      }
      for (const [k, { parameter, velocity }] of state.entries()) {
        // Values up to 2 after five steps of five roundings each.
        const allowed = 2 * 25 * 2 ** -24;
        expect(largestError((await parameters[k]?.data()) ?? [], parameter)).toBeLessThan(allowed);
        const ours = await optimizer.stateDict().tensors[`velocity.${k}`]?.data();
        expect(largestError(ours ?? [], velocity)).toBeLessThan(5 * allowed);
      }
    });
  }

  it("takes different paths by the two rules once the rate changed, the same before", async () => {
    const run = async (rule: "pytorch" | "chainer", change: boolean) => {
      const [p] = leaves([5]) as [Tensor];
      const optimizer = optim.sgd([p], { lr: 0.5, momentum: 0.5, rule });
      for (let step = 0; step < 3; step++) {
        if (change && step === 1) optimizer.lr = 0.125;
        giveGradients([p], 10);
        optimizer.step();
      }
      return p.data();
    };
    // Powers of two: without a change of rate both rules round at the same places.
    expect(largestError(await run("pytorch", false), await run("chainer", false))).toBeLessThan(1e-6);
    expect(largestError(await run("pytorch", true), await run("chainer", true))).toBeGreaterThan(0.01);
  });

  it("keeps a change of rate in program order with steps that were not submitted yet", async () => {
    const p = gpu.tensor([0], [1], { requiresGrad: true });
    const optimizer = optim.sgd([p], { lr: 1 });
    for (const lr of [1, 10, 100]) {
      optimizer.lr = lr;
      sum(p).backward();
      optimizer.step();
    }
    expect(await p.item()).toBe(-111);
  });

  it("moves parameters and gradients into one buffer each; handles, values and gradients stay", async () => {
    const parameters = leaves(sizes);
    giveGradients(parameters.slice(0, 2), 7);
    const [first] = parameters as [Tensor];
    const view = first.detach();
    optim.sgd(parameters, { lr: 0.1 });
    expect(new Set(parameters.map(({ buffer }) => buffer)).size).toBe(1);
    expect(await view.data()).toEqual(noise(1, 1));
    expect(await parameters[1]?.grad?.data()).toEqual(noise(5, 8));
    giveGradients(parameters, 7);
    expect(new Set(parameters.map(({ grad }) => grad?.buffer)).size).toBe(1);
    expect(await parameters[3]?.grad?.data()).toEqual(noise(257, 10));
  });

  it("uses gradients that were computed before it was made", async () => {
    const p = gpu.tensor([1], [1], { requiresGrad: true });
    sum(p).backward();
    optim.sgd([p], { lr: 0.25 }).step();
    expect(await p.item()).toBe(0.75);
  });

  it("updates all of a model in one dispatch, and with a frozen parameter in two", () => {
    const parameters = leaves(sizes);
    const optimizer = optim.sgd(parameters, { lr: 0.1 });
    const updates = () => {
      giveGradients(
        parameters.filter(({ requiresGrad }) => requiresGrad),
        3,
      );
      return dispatchesOf(() => optimizer.step());
    };
    expect(updates()).toBe(1);
    (parameters[1] as Tensor).requiresGrad = false;
    expect(updates()).toBe(2);
  });

  it("leaves frozen parameters and those without a new gradient alone, with their velocity", async () => {
    const [a, b, c] = leaves([3, 3, 3]) as [Tensor, Tensor, Tensor];
    const optimizer = optim.sgd([a, b, c], { lr: 0.1, momentum: 0.9, weightDecay: 0.1 });
    giveGradients([a, b, c], 3);
    optimizer.step();
    const before = await Promise.all([a, b, c].map((p) => p.data()));
    b.requiresGrad = false;
    giveGradients([a], 3);
    optimizer.step();
    const after = await Promise.all([a, b, c].map((p) => p.data()));
    expect(after[0]).not.toEqual(before[0]);
    expect(after.slice(1)).toEqual(before.slice(1));
  });

  it("updates a tensor that is listed twice once", async () => {
    const p = gpu.tensor([1], [1], { requiresGrad: true });
    const optimizer = optim.sgd([p, p], { lr: 0.25 });
    sum(p).backward();
    optimizer.step();
    expect(await p.item()).toBe(0.75);
  });

  it("shares parameters with a second optimiser, in another order and with others between", async () => {
    const [a, b, c, d] = leaves([2, 3, 4, 5]) as [Tensor, Tensor, Tensor, Tensor];
    const all = [a, b, c, d];
    const first = optim.sgd([a, b, c], { lr: 1 });
    const second = optim.sgd([c, d, a], { lr: 1 });
    giveGradients(all, 20);
    first.step();
    second.step();
    const updates = [2, 1, 2, 1];
    for (const [k, p] of all.entries()) {
      const gradient = noise(p.size, 20 + k);
      const expected = noise(p.size, k + 1).map((value, i) => value - (updates[k] ?? 0) * (gradient[i] ?? 0));
      expect(largestError(await p.data(), expected)).toBeLessThan(1e-6);
    }
  });

  it("accumulated gradients count once", async () => {
    const p = gpu.tensor([0], [1], { requiresGrad: true });
    const optimizer = optim.sgd([p], { lr: 1 });
    sum(p).backward();
    sum(p).backward({ accumulate: true });
    optimizer.step();
    expect(await p.item()).toBe(-2);
  });

  it("continues from its state with the same bits", async () => {
    const options = { lr: 0.1, momentum: 0.9, weightDecay: 5e-4 };
    const whole = leaves(sizes);
    const halves = leaves(sizes);
    const optimizer = optim.sgd(whole, options);
    const before = optim.sgd(halves, options);
    for (const [seed, one] of [before, before].entries()) {
      giveGradients(whole, seed + 1);
      optimizer.step();
      giveGradients(halves, seed + 1);
      one.step();
    }
    const resumed = optim.sgd(halves, { lr: 1, momentum: 0.1 });
    resumed.loadStateDict(await saved(before.stateDict()));
    expect(resumed.lr).toBe(0.1);
    giveGradients(whole, 9);
    optimizer.step();
    giveGradients(halves, 9);
    resumed.step();
    for (const [k, p] of whole.entries()) expect(await halves[k]?.data()).toEqual(await p.data());
  });

  it("makes backward notice a step between forward and backward", () => {
    const p = gpu.tensor([1, 2], [2], { requiresGrad: true });
    const optimizer = optim.sgd([p], { lr: 1 });
    sum(p).backward();
    const loss = sum(mul(p, p));
    optimizer.step();
    expect(() => loss.backward()).toThrow(/overwritten after 'mul' saved it/);
  });

  it("says what is wrong", () => {
    const [p] = leaves([2]) as [Tensor];
    expect(() => optim.sgd([p], { lr: 0.1 }).step()).toThrowErrorMatchingInlineSnapshot(
      `[Error: [sgd] step() needs gradients, but none was computed since the last step; call backward() first, of a loss that depends on these parameters]`,
    );
    expect(() => optim.sgd([], { lr: 0.1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [sgd] got no parameters; pass model.parameters() of a model that has layers]`,
    );
    expect(() => optim.sgd([p], { lr: Number.NaN })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [sgd] 'lr' must be a finite number, 0 or more, but got NaN]`,
    );
    expect(() => optim.sgd([p], { lr: 1, momentum: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [sgd] 'momentum' must be at least 0 and below 1, but got 1]`,
    );
    expect(() => optim.sgd([p], { lr: 1, weightDecay: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [sgd] 'weightDecay' must be a finite number, 0 or more, but got -1]`,
    );
    expect(() => optim.sgd([mul(p, p)], { lr: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [sgd] tensor [2] is the result of 'mul'; only leaves can be optimised]`,
    );
    const optimizer = optim.sgd([p], { lr: 1 });
    const chainer = optim.sgd(leaves([2]), { lr: 1, rule: "chainer" });
    expect(() => optimizer.loadStateDict(chainer.stateDict())).toThrowErrorMatchingInlineSnapshot(
      `[Error: [sgd] the state is of rule "chainer", but this optimiser's is "pytorch"; make it with the same]`,
    );
    expect(() =>
      optimizer.loadStateDict(optim.sgd(leaves([3, 1]), { lr: 1 }).stateDict()),
    ).toThrowErrorMatchingInlineSnapshot(`
      [Error: [sgd.loadStateDict] the state doesn't fit, nothing was changed:
        unexpected: velocity.1
        mismatched: velocity.0 must be f32 [2], but got f32 [3]]
    `);
    expect(() => {
      optimizer.lr = -1;
    }).toThrow(/'lr'/);
    expect(optimizer.lr).toBe(1);
  });
});

describe("nn.parameter", () => {
  it("is what an optimiser takes from a model", () => {
    const model = new nn.Linear(gpu, { in: 2, out: 2 });
    expect(optim.sgd(model.parameters(), { lr: 1 }).parameters).toEqual(model.parameters());
  });
});
