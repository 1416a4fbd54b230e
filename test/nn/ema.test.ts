/** The moving average of weights against its formula; evaluation with it; a resume. */
import { describe, expect, it } from "vitest";
import { mul, optim, sum, type Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { giveGradients, leaves, saved } from "../support/optim.ts";

describe("ema", () => {
  it.each(["eager", "recorded"])("averages after each step, %s", async (mode) => {
    const [p] = leaves([5]) as [Tensor];
    const optimizer = optim.ema(optim.sgd([p], { lr: 0.1 }), { tensors: [p], decay: 0.75 });
    const gradient = gpu.tensor(noise(5, 10), [5]);
    const learn = () => {
      sum(mul(p, gradient)).backward();
      optimizer.step();
    };
    const step = mode === "eager" ? learn : gpu.record(learn);
    let live = Array.from(noise(5, 1));
    let average = live;
    for (let k = 0; k < 4; k++) {
      step();
      live = live.map((value, i) => value - 0.1 * (noise(5, 10)[i] ?? 0));
      average = average.map((value, i) => 0.75 * value + 0.25 * (live[i] ?? 0));
    }
    const before = await p.data();
    expect(largestError(before, live)).toBeLessThan(8 * 2 ** -24);
    const inside = await optimizer.averaged(async () => {
      expect(step).toThrowErrorMatchingInlineSnapshot(
        `[Error: [ema] step() would train the average; wait for averaged() to end before]`,
      );
      await expect(optimizer.averaged(() => 1)).rejects.toThrow(/runs already/);
      return p.data();
    });
    expect(largestError(inside, average)).toBeLessThan(16 * 2 ** -24);
    expect(await p.data()).toEqual(before);
    await expect(
      optimizer.averaged(() => {
        throw new Error("mine");
      }),
    ).rejects.toThrow("mine");
    expect(await p.data()).toEqual(before);
    step();
    expect(await p.data()).not.toEqual(before);
  });

  it("continues from its state with the same bits", async () => {
    const run = async (resumeAfter: number | undefined) => {
      const parameters = leaves([5, 64]);
      const make = () => optim.ema(optim.adam(parameters), { tensors: parameters, decay: 0.9 });
      let optimizer = make();
      for (let k = 0; k < 4; k++) {
        if (k === resumeAfter) {
          const state = await saved(optimizer.stateDict());
          optimizer = make();
          optimizer.loadStateDict(state);
        }
        giveGradients(parameters, 10 * k);
        optimizer.step();
      }
      return saved(optimizer.stateDict());
    };
    expect(await run(2)).toEqual(await run(undefined));
  });

  it("says what is wrong", () => {
    const parameters = leaves([2]);
    const inner = optim.sgd(parameters, { lr: 1 });
    expect(() => optim.ema(inner, { tensors: parameters, decay: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [ema] 'decay' must be at least 0 and below 1, but got 1]`,
    );
    expect(() => optim.ema(inner, { tensors: [] })).toThrow(/\[ema\] got no tensors/);
    const ema = optim.ema(inner, { tensors: parameters });
    expect(() => ema.loadStateDict(inner.stateDict())).toThrowErrorMatchingInlineSnapshot(`
      [Error: [ema.loadStateDict] the state doesn't fit, nothing was changed:
        missing: average.0]
    `);
  });
});
