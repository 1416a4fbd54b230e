/** What a module finds in its properties; state dicts; where an error says it happened. */
import { describe, expect, it } from "vitest";
import { mul, nn, relu, sum, type Tensor } from "wgrad";
import { gpu } from "../support/gpu.ts";

class Branches extends nn.Module {
  readonly first = new nn.Conv2d(gpu, { in: 2, out: 3, size: 3, padding: 1 });
  readonly blocks = [new nn.Sequential(new nn.BatchNorm(gpu, { channels: 3 }), new nn.ReLU())];
  readonly byName = { head: new nn.Linear(gpu, { in: 3, out: 2, bias: false }) };
  readonly scale = gpu.full([1], 2, { requiresGrad: true });
  readonly constant = gpu.full([1], 5);

  forward(x: Tensor, options: nn.ForwardOptions = {}): Tensor {
    const y = this.blocks.reduce((input, block) => block.forward(input, options), this.first.forward(x));
    return mul(y, this.scale);
  }
}

class Pair extends nn.Module {
  readonly fc = new nn.Linear(gpu, { in: 3, out: 2 });
  readonly norm = new nn.BatchNorm(gpu, { channels: 2 });

  forward(x: Tensor, options?: nn.ForwardOptions): Tensor {
    return this.norm.forward(this.fc.forward(x), options);
  }
}

describe("Module", () => {
  it("finds parameters and buffers in properties, arrays, plain objects, in order", () => {
    const model = new Branches();
    const describeTensors = (list: [string, Tensor][]) => list.map(([name, { shape }]) => `${name} ${shape}`);
    expect(describeTensors(model.namedParameters())).toEqual([
      "first.weight 3,3,3,2",
      "first.bias 3",
      "blocks.0.0.gamma 3",
      "blocks.0.0.beta 3",
      "byName.head.weight 2,3",
      "scale 1",
    ]);
    expect(describeTensors(model.namedBuffers())).toEqual([
      "blocks.0.0.runningMean 3",
      "blocks.0.0.runningVar 3",
    ]);
    expect(model.namedModules().map(([name]) => name)).toEqual([
      "",
      "first",
      "blocks.0",
      "blocks.0.0",
      "blocks.0.1",
      "byName.head",
    ]);
    expect(model.first.parameters().map(({ name }) => name)).toEqual(["first.weight", "first.bias"]);
  });

  it("runs a user's forward", async () => {
    const model = new Branches();
    const y = model.forward(gpu.full([2, 4, 4, 2], 1), { training: true });
    expect(y.shape).toEqual([2, 4, 4, 3]);
  });

  it("counts a module that stands in two places once", () => {
    const shared = new nn.Linear(gpu, { in: 3, out: 3 });
    const model = new nn.Sequential(shared, new nn.ReLU(), shared);
    expect(model.namedParameters().map(([name]) => name)).toEqual(["0.weight", "0.bias"]);
  });

  it("keeps a frozen parameter in the list", () => {
    const model = new Pair();
    model.fc.weight.requiresGrad = false;
    expect(model.namedParameters().map(([name]) => name)).toContain("fc.weight");
  });

  it("leaves activations that a module remembers alone", () => {
    class Remembers extends nn.Module {
      last: Tensor | undefined;
      readonly fc = new nn.Linear(gpu, { in: 2, out: 2 });
      forward(x: Tensor): Tensor {
        this.last = this.fc.forward(x);
        return this.last;
      }
    }
    const model = new Remembers();
    model.forward(gpu.full([1, 2], 1));
    expect(Object.keys(model.stateDict())).toEqual(["fc.weight", "fc.bias"]);
  });

  it("survives the scope that it was made in", async () => {
    let model: Pair | undefined;
    gpu.scope(() => {
      model = new Pair();
    });
    expect(await model?.norm.gamma.data()).toEqual(Float32Array.of(1, 1));
  });

  it("refuses the result of an op as a parameter", () => {
    const x = gpu.full([2], 1, { requiresGrad: true });
    expect(() => nn.parameter(relu(x))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [requiresGrad] tensor [2] is the result of 'relu'; use detach()]`,
    );
  });
});

describe("state dict", () => {
  it("goes from model to model, as tensors and as host data", async () => {
    const [from, to, other] = [new Pair(), new Pair(), new Pair()];
    from.forward(gpu.tensor(Float32Array.from({ length: 12 }, Math.sin), [4, 3]), { training: true });
    to.loadStateDict(from.stateDict());
    const saved: Record<string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }> = {};
    for (const [name, tensor] of Object.entries(from.stateDict())) {
      saved[name] = { shape: tensor.shape, data: await tensor.data() };
    }
    other.loadStateDict(saved);
    for (const [name, { data }] of Object.entries(saved)) {
      expect(await to.stateDict()[name]?.data(), name).toEqual(data);
      expect(await other.stateDict()[name]?.data(), name).toEqual(data);
    }
  });

  it("can swap tensors of one model, whose memory is one buffer", async () => {
    const model = nn.vgg(gpu, { width: 1 / 64 });
    const { runningMean: a } = normOf(model, 0);
    const { runningMean: b } = normOf(model, 1);
    a.write([1]);
    b.write([2]);
    const state = model.stateDict();
    model.loadStateDict({ ...state, [a.name]: b, [b.name]: a });
    expect([await a.item(), await b.item()]).toEqual([2, 1]);
  });

  it("lists everything that doesn't fit, and changes nothing then", async () => {
    const model = new Pair();
    const before = await model.fc.bias?.data();
    const { "fc.weight": _, ...rest } = model.stateDict();
    const state = {
      ...rest,
      "fc.bias": { shape: [2], data: [7, 7] },
      "fc.scale": gpu.zeros([2]),
      "norm.gamma": gpu.zeros([3]),
      "norm.beta": { shape: [2], data: Int32Array.of(1, 2) },
      "norm.runningMean": { shape: [2], data: [1, 2, 3] },
    };
    expect(() => model.loadStateDict(state)).toThrowErrorMatchingInlineSnapshot(`
      [Error: [loadStateDict] the state doesn't fit, nothing was changed:
        missing: fc.weight
        unexpected: fc.scale
        mismatched: norm.gamma must be f32 [2], but got f32 [3]; norm.beta must be f32 [2], but got i32 [2]; norm.runningMean must be f32 [2], but got 3 elements]
    `);
    expect(await model.fc.bias?.data()).toEqual(before);
  });

  it("makes backward notice parameters loaded between forward and backward", () => {
    const model = new Pair();
    const x = gpu.full([2, 3], 1, { requiresGrad: true });
    const loss = sum(model.fc.forward(x));
    model.loadStateDict(new Pair().stateDict());
    expect(() => loss.backward()).toThrow(/'fc\.weight' \[2, 3\] was overwritten after 'matmul' saved it/);
  });
});

describe("errors in a model", () => {
  it("carry the path of the innermost module, once", () => {
    const model = new Branches();
    expect(() => model.forward(gpu.zeros([1, 4, 4, 5]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] 'weight' must have 5 input channels to match x [1, 4, 4, 5], but got [3, 3, 3, 2]; its layout is [Co, Kh, Kw, Ci], that of x [N, H, W, Ci] (in first)]`,
    );
    const vgg = nn.vgg(gpu, { width: 1 / 64 });
    const { norm } = vgg.head;
    Object.assign(norm, { gamma: gpu.full([3], 1) });
    expect(() => vgg.forward(gpu.zeros([2, 32, 32, 3]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [batchNormReluDropout] 'gamma' must be [8] to match the channels of x [2, 8], but got [3] (in head.norm)]`,
    );
  });

  it("carry the class where the module runs on its own, and the stack says the same", () => {
    const layer = new nn.Linear(gpu, { in: 3, out: 2 });
    let caught: unknown;
    try {
      layer.forward(gpu.zeros([2, 4]));
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchInlineSnapshot(
      `[Error: [matmul] 'b' must have 4 columns (transposeB) to match a [2, 4], but got [2, 3]; check the shapes, or whether one is to be transposed (in Linear)]`,
    );
    expect(String((caught as Error).stack)).toContain("(in Linear)");
  });

  it("don't confuse later errors", () => {
    const layer = new nn.Flatten();
    const model = new nn.Sequential(new nn.MaxPool2d({ size: 9 }), layer);
    for (let k = 0; k < 2; k++) expect(() => model.forward(gpu.zeros([1, 4, 4, 1]))).toThrow(/\(in 0\)$/);
  });

  it("name the option that a layer can't take", () => {
    expect(() => new nn.Conv2d(gpu, { in: 0, out: 2, size: 3 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [Conv2d] 'in' must be a positive integer, but got 0]`,
    );
  });
});

function normOf(model: nn.Vgg, index: number): nn.BatchNorm {
  const norms = model
    .namedModules()
    .flatMap(([, module]) => (module instanceof nn.BatchNorm ? [module] : []));
  const norm = norms[index];
  if (!norm) throw new Error(`the model has no BatchNorm ${index}`);
  return norm;
}
