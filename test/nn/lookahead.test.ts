/** Lookahead against its formula; the same bits recorded and after a resume. */
import { describe, expect, it } from "vitest";
import { optim, type Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { dispatchesOf, giveGradients, leaves, saved } from "../support/optim.ts";

describe("lookahead", () => {
  it("moves the slow copy every few steps by the part that decay leaves, and the fast one onto it", async () => {
    const [p] = leaves([5]) as [Tensor];
    const statistics = gpu.tensor(noise(7, 50), [7]);
    const asked: number[] = [];
    const optimizer = optim.lookahead(optim.sgd([p], { lr: 0.1 }), {
      tensors: [p, statistics],
      every: 2,
      decay: (progress) => {
        asked.push(progress);
        return progress / 2;
      },
    });
    let [slow, fast] = [Array.from(noise(5, 1)), Array.from(noise(5, 1))];
    let [slowStatistics, fastStatistics] = [Array.from(noise(7, 50)), Array.from(noise(7, 50))];
    for (let step = 1; step <= 4; step++) {
      giveGradients([p], 10 * step);
      optimizer.step();
      statistics.write(noise(7, 50 + step));
      optimizer.advance(step / 8);
      const gradient = noise(5, 10 * step);
      fast = fast.map((value, k) => value - 0.1 * (gradient[k] ?? 0));
      fastStatistics = Array.from(noise(7, 50 + step));
      if (step % 2 === 0) {
        const towards = (from: number[], to: number[]) =>
          from.map((value, k) => value + ((to[k] ?? 0) - value) * (1 - step / 16));
        slow = towards(slow, fast);
        fast = slow;
        slowStatistics = towards(slowStatistics, fastStatistics);
        fastStatistics = slowStatistics;
      }
      expect(largestError(await p.data(), fast)).toBeLessThan(10 * 2 ** -24);
      expect(largestError(await statistics.data(), fastStatistics)).toBeLessThan(10 * 2 ** -24);
    }
    expect(asked).toEqual([0.25, 0.5]);
  });

  it("ends a run on the slow copy, also between two synchronisations", async () => {
    const [p] = leaves([5]) as [Tensor];
    const optimizer = optim.lookahead(optim.sgd([p], { lr: 0.1 }), { tensors: [p], every: 3 });
    for (const progress of [0.25, 0.5, 0.75]) {
      giveGradients([p], 7);
      optimizer.step();
      optimizer.advance(progress);
    }
    const slow = await p.data();
    giveGradients([p], 7);
    optimizer.step();
    expect(await p.data()).not.toEqual(slow);
    optimizer.advance(1);
    expect(await p.data()).toEqual(slow);
  });

  it("synchronises neighbours in one dispatch, in whatever order they're given", () => {
    const parameters = leaves([3, 64, 5, 65]);
    const inner = optim.sgd([{ parameters: parameters.slice(2) }, { parameters: parameters.slice(0, 2) }], {
      lr: 1,
    });
    const optimizer = optim.lookahead(inner, { tensors: [...parameters, gpu.zeros([9])], every: 1 });
    expect(dispatchesOf(() => optimizer.advance(0.5))).toBe(2);
  });

  it("passes rate and steps on to its optimiser", () => {
    const parameters = leaves([2, 3]);
    const inner = optim.sgd(parameters, { lr: 0.5 });
    const outer = optim.ema(optim.lookahead(inner, { tensors: parameters }), { tensors: parameters });
    expect(outer.lr).toBe(0.5);
    outer.lr = 0.25;
    expect(inner.lr).toBe(0.25);
    expect(outer.parameters).toEqual(parameters);
  });

  it("says what is wrong", async () => {
    const [p, other] = leaves([2, 3]) as [Tensor, Tensor];
    const inner = optim.sgd([p, other], { lr: 1 });
    expect(() => optim.lookahead(inner, { tensors: [] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [lookahead] got no tensors; pass model.parameters() and its running statistics]`,
    );
    expect(() => optim.lookahead(inner, { tensors: [p], every: 0.5 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [lookahead] 'every' must be a positive integer, but got 0.5]`,
    );
    expect(() =>
      optim.lookahead(inner, { tensors: [gpu.tensor(Int32Array.of(1), [1])] }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [lookahead] parameters must be f32, but tensor [1] is i32]`,
    );
    const optimizer = optim.lookahead(inner, { tensors: [p], every: 1, decay: () => 2 });
    expect(() => optim.lookahead(optimizer, { tensors: [p] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [lookahead] is around another lookahead already; leave one out]`,
    );
    expect(() => optimizer.advance(1)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [lookahead] 'decay' must return from 0 to 1, but returned 2]`,
    );
    expect(() => gpu.record(() => optimizer.advance(0.5))()).toThrowErrorMatchingInlineSnapshot(
      `[Error: [lookahead] can't be recorded: call advance() between the calls of a recorded step]`,
    );
    expect(() => optimizer.loadStateDict(inner.stateDict())).toThrowErrorMatchingInlineSnapshot(
      `[Error: [lookahead] the state must hold 'lookaheadSteps', but got undefined; it's of a run without lookahead]`,
    );
    const before = await saved(optimizer.stateDict());
    const misfit = optim.lookahead(inner, { tensors: [other] }).stateDict();
    expect(() => optimizer.loadStateDict(misfit)).toThrowErrorMatchingInlineSnapshot(`
      [Error: [lookahead.loadStateDict] the state doesn't fit, nothing was changed:
        mismatched: slow.0 must be f32 [2], but got f32 [3]]
    `);
    expect(await saved(optimizer.stateDict())).toEqual(before);
  });
});
