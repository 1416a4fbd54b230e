/** What a recorded function reads and what is replaced or released between two replays. */
import { describe, expect, it } from "vitest";
import { add, batchNorm, mul, nn, noGrad, optim, softmaxCrossEntropy, sum, type Tensor } from "wgrad";
import { collectGarbage } from "../support/garbage.ts";
import { gpu } from "../support/gpu.ts";

class Block extends nn.Module {
  norm = new nn.BatchNorm(gpu, { channels: 4 });
  dropout = new nn.Dropout({ rate: 0.5, rng: gpu.rng(3) });

  forward(x: Tensor, options?: nn.ForwardOptions): Tensor {
    return this.dropout.forward(this.norm.forward(x, options), options);
  }
}

/** Uses a layer's parameters without running it. */
class Fused extends nn.Module {
  norm = new nn.BatchNorm(gpu, { channels: 4 });

  forward(x: Tensor): Tensor {
    const { gamma, beta, runningMean, runningVar } = this.norm;
    return batchNorm(x, gamma, beta, { runningMean, runningVar, training: false });
  }
}

class Net extends nn.Module {
  first = new nn.Linear(gpu, { in: 2, out: 4 });
  blocks = new nn.Sequential(new Block());
  scales: { wide: [Tensor, number] } = { wide: [gpu.full([4], 2).keep(), 1] };
  fused = new Fused();
  tied = { norm: this.fused.norm, shift: this.fused.norm.beta };
  unused = nn.buffer(gpu.zeros([1]));
  seen: Tensor | undefined;
  calls = 0;

  forward(x: Tensor, options?: nn.ForwardOptions): Tensor {
    this.calls += 1;
    this.seen = this.first.forward(x);
    const scaled = mul(this.blocks.forward(this.seen, options), this.scales.wide[0]);
    return add(this.fused.forward(scaled), this.tied.shift);
  }
}

/** Replaces a property, also a readonly one. */
const assign = (target: object, properties: object) => Object.assign(target, properties);
const block = (model: Net) => model.blocks.layers[0] as Block;
const x = gpu.full([3, 2], 0.5).keep();

const replacements: [string, (model: Net) => void][] = [
  ["first.weight", ({ first }) => assign(first, { weight: gpu.zeros([4, 2]) })],
  ["first.bias", ({ first }) => assign(first, { bias: undefined })],
  ["first", (model) => assign(model, { first: new nn.Linear(gpu, { in: 2, out: 4 }) })],
  ["scales.wide.0", ({ scales }) => assign(scales.wide, [gpu.zeros([4])])],
  ["scales.wide.0", (model) => assign(model, { scales: undefined })],
  ["blocks.layers.0", ({ blocks }) => assign(blocks.layers, [new Block()])],
  ["blocks.0.norm.runningVar", (model) => assign(block(model).norm, { runningVar: gpu.zeros([4]) })],
  ["fused.norm.beta", (model) => assign(model.fused.norm, { beta: gpu.zeros([4]) })],
  ["fused.norm", (model) => assign(model.fused, { norm: new nn.BatchNorm(gpu, { channels: 4 }) })],
  ["tied.shift", ({ tied }) => assign(tied, { shift: gpu.zeros([4]) })],
  ["blocks.0.dropout.rng", (model) => assign(block(model).dropout, { rng: gpu.rng(3) })],
];

describe("what a module holds", () => {
  it.each(replacements)(
    "%s can't be replaced between replays; another recording has the new one",
    (name, replace) => {
      const model = new Net();
      const step = gpu.record((input: Tensor) => noGrad(() => model.forward(input, { training: true })));
      step(x);
      step(x);
      replace(model);
      const once = () => step(x);
      expect(once).toThrow(`[record] '${name}' was replaced since 'fn' was recorded`);
      expect(once).toThrow("release()");
    },
  );

  it("is named as in the model, with what to do", () => {
    const model = new Net();
    const step = gpu.record(() => model.forward(x));
    step();
    assign(model.first, { weight: gpu.zeros([4, 2]) });
    expect(() => step()).toThrowErrorMatchingInlineSnapshot(
      `[Error: [record] 'first.weight' was replaced since 'fn' was recorded, and the recording would use the old one; write into it with write() or loadStateDict() instead, or call release() on the recorded step to record anew]`,
    );
  });

  it("works again once the step is recorded anew, or the old one is back", async () => {
    const model = new Net();
    const step = gpu.record(() => noGrad(() => sum(model.forward(x))));
    const before = await step().item();
    const { weight, bias } = model.first;
    assign(model.first, { weight: nn.parameter(gpu.zeros([4, 2])), bias: undefined });
    expect(step).toThrow("was replaced");
    assign(model.first, { weight, bias });
    expect(await step().item()).toBe(before);
    assign(model.first, { weight: nn.parameter(gpu.zeros([4, 2])), bias: undefined });
    step.release();
    expect(await step().item()).toBe(0);
  });

  it("may change where the recording doesn't use it: other settings, what forward leaves behind, streams in evaluation", () => {
    const model = new Net();
    const step = gpu.record(() => noGrad(() => model.forward(x)));
    step();
    noGrad(() => model.forward(x));
    assign(model, { unused: gpu.zeros([1]), calls: 7, scales: { wide: [...model.scales.wide] } });
    assign(block(model).dropout, { rng: gpu.rng(4) });
    step();
    expect(model.calls).toBe(7);
  });

  it("can't be replaced by 'fn' itself", () => {
    const model = new Net();
    const step = gpu.record(() => {
      const y = noGrad(() => model.forward(x));
      model.scales = { wide: [gpu.full([4], 3).keep(), 1] };
      return y;
    });
    const { usedBytes } = gpu.memory;
    expect(step).toThrowErrorMatchingInlineSnapshot(
      `[Error: [record] 'scales.wide.0' is replaced in 'fn', which replays wouldn't repeat; take it as an argument and return what it's to become]`,
    );
    expect(gpu.memory.usedBytes - usedBytes).toBeLessThan(4096);
  });

  it("is noticed in a training step too", () => {
    const model = new Net();
    const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
    const step = gpu.record((labels: Tensor) => {
      softmaxCrossEntropy(model.forward(x, { training: true }), labels).backward();
      optimizer.step();
    });
    for (let k = 0; k < 3; k++) step(Int32Array.of(0, 1, 2));
    optimizer.lr = 0.2;
    model.loadStateDict(new Net().stateDict());
    step(Int32Array.of(2, 1, 0));
    assign(block(model).norm, { gamma: nn.parameter(gpu.full([4], 1)) });
    expect(() => step(Int32Array.of(0, 1, 2))).toThrow("'blocks.0.norm.gamma' was replaced");
  });
});

describe("a tensor from outside", () => {
  it("can't be used after a scope released it, though its memory is kept", async () => {
    const view = gpu.full([1], 1);
    let weight = view.detach();
    const step = gpu.record(() => mul(weight, weight));
    expect(await step().item()).toBe(1);
    weight = gpu.scope(() => {
      weight = view.detach();
      step.release();
      step();
      return weight;
    });
    expect(await step().item()).toBe(1);
    gpu.scope(() => {
      weight = gpu.full([1], 3);
      step.release();
      step();
    });
    expect(step).toThrowErrorMatchingInlineSnapshot(
      `[Error: [record] tensor [1], which the recording uses, was released by gpu.scope() since; call keep() on it before, to use it afterwards]`,
    );
  });

  it("can't be used after backward() released it: that's what the function itself would say", async () => {
    const weight = gpu.tensor([2], [1], { requiresGrad: true });
    const squared = mul(weight, weight);
    const fn = () => sum(squared).backward();
    const step = gpu.record(fn);
    step();
    expect(await weight.grad?.item()).toBe(4);
    expect(step).toThrow("released by backward()");
    expect(fn).toThrow("released by backward()");
  });

  it("may be a view that 'fn' makes and frees", async () => {
    const weight = gpu.full([2], 3);
    const step = gpu.record(() => ({ total: sum(weight.detach()), same: weight.detach() }));
    for (let k = 0; k < 3; k++) {
      const { total, same } = gpu.scope(() => step());
      expect([await total.item(), ...(await same.data())]).toEqual([6, 3, 3]);
    }
  });

  it("returned as a gradient stays the parameter's after release()", async () => {
    const weight = gpu.tensor([2], [1], { requiresGrad: true });
    const step = gpu.record(() => {
      sum(mul(weight, weight)).backward();
      return weight.grad;
    });
    const gradient = step();
    expect(await gradient?.item()).toBe(4);
    step.release();
    expect(await weight.grad?.item()).toBe(4);
  });

  it("that a step holds with its module is forgotten with both", async () => {
    class Trainer extends nn.Module {
      weight = nn.parameter(gpu.full([1], 2));
      step = gpu.record(() => noGrad(() => this.forward()));
      forward(): Tensor {
        return mul(this.weight, gpu.full([1], 1));
      }
    }
    const use = () => {
      const trainer = new Trainer();
      trainer.step();
      return new WeakRef(trainer);
    };
    const trainer = use();
    await gpu.idle();
    await collectGarbage();
    expect(trainer.deref()).toBeUndefined();
  });
});
