/** `gpu.checkNumerics`: the first NaN or infinity is named, wherever it comes from. */
import { describe, expect, it } from "vitest";
import { add, batchNorm, log, matmul, mul, nn, optim, relu, sqrt, sum, type Tensor } from "wgrad";
import { gpu } from "../support/gpu.ts";

/** Runs a step under the check, eagerly or recorded; what the next read throws, "" if nothing. */
async function find(step: () => unknown, recorded: boolean): Promise<string> {
  const checked = () => void gpu.checkNumerics(step);
  const probe = gpu.tensor([1]);
  if (recorded) {
    const replay = gpu.record(checked);
    replay();
    replay.release();
  } else gpu.scope(checked);
  return probe.data().then(
    () => "",
    ({ message }: Error) => message,
  );
}

class Net extends nn.Module {
  readonly blocks: nn.Linear[];
  constructor(weights: readonly number[]) {
    super();
    this.blocks = weights.map((weight) => {
      const block = new nn.Linear(gpu, { in: 2, out: 2 });
      block.weight.write([weight, 1, 1, weight]);
      return block;
    });
    this.parameters();
  }
  forward(x: Tensor): Tensor {
    return this.blocks.reduce((h, block) => relu(block.forward(h)), x);
  }
}

const ones = gpu.tensor([1, 1, 1, 1], [2, 2], { name: "x" }).keep();
const huge = 3e38;

describe.each([
  ["eagerly", false],
  ["recorded", true],
])("%s", (_, recorded) => {
  it("finds nothing where every number is finite", async () => {
    const net = new Net([0.5, huge]); // huge, but finite
    const optimizer = optim.sgd(net.parameters(), { lr: 0.1 });
    const step = () => {
      sum(mul(net.blocks[0]?.forward(ones) ?? ones, ones)).backward();
      optimizer.step();
    };
    expect(await find(step, recorded)).toBe("");
    expect(await find(step, recorded)).toBe("");
  });

  it("names value, place, op and module of a forward", async () => {
    const net = new Net([1, huge, 1]);
    expect(await find(() => net.forward(ones), recorded)).toBe(
      "[numerics] Infinity at [0, 0] of the output [2, 2] of 'matmul' in blocks.1 (forward)",
    );
    const x = gpu.tensor([1, 2, -1, -4], [2, 2]).keep();
    expect(await find(() => log(x), recorded)).toBe(
      "[numerics] NaN at [1, 0] of the output [2, 2] of 'log' (forward)",
    );
    expect(await find(() => log(relu(x)), recorded)).toBe(
      "[numerics] -Infinity at [1, 0] of the output [2, 2] of 'log' (forward)",
    );
  });

  it("tells a parameter that was given so from an op's output", async () => {
    const net = new Net([1, Number.NaN, 1]);
    expect(await find(() => net.forward(ones), recorded)).toBe(
      "[numerics] NaN at [0, 0] of 'blocks.1.weight' [2, 2], which 'matmul' in blocks.1 reads (forward)",
    );
  });

  it("names the op whose backward made it", async () => {
    const x = gpu.tensor([1, 0, 4], [3], { requiresGrad: true, name: "x" }).keep();
    expect(await find(() => sum(sqrt(x)).backward(), recorded)).toBe(
      "[numerics] Infinity at [1] of the gradient of 'x' [3] from 'sqrt' (backward)",
    );
    // Two contributions, each finite: their sum isn't.
    const y = gpu.tensor([1], [1], { requiresGrad: true, name: "y" }).keep();
    const factor = gpu.tensor([huge]).keep();
    expect(await find(() => sum(add(mul(y, factor), mul(y, factor))).backward(), recorded)).toContain(
      "Infinity at [0] of the output [1] of 'add'",
    );
    const small = gpu.tensor([0.25], [1], { requiresGrad: true, name: "small" }).keep();
    expect(
      await find(() => {
        const h = mul(small, gpu.full([1], 1));
        sum(add(mul(h, factor), mul(h, factor))).backward();
      }, recorded),
    ).toMatch(/Infinity at \[0\] of the gradient of tensor \[1\] from 'mul' \(backward\)/);
  });

  it("names the module of a backward", async () => {
    class Root extends nn.Module {
      forward(x: Tensor): Tensor {
        return sqrt(x);
      }
    }
    class Outer extends nn.Module {
      readonly inner = { root: new Root() };
      forward(x: Tensor): Tensor {
        return this.inner.root.forward(x);
      }
    }
    const model = new Outer();
    const x = gpu.tensor([0], [1], { requiresGrad: true, name: "x" }).keep();
    expect(await find(() => sum(model.forward(x)).backward(), recorded)).toBe(
      "[numerics] Infinity at [0] of the gradient of 'x' [1] from 'sqrt' in inner.root (backward)",
    );
  });

  it("looks at what optimisers and running statistics become", async () => {
    const x = gpu.tensor([1, 1], [2], { requiresGrad: true, name: "x" }).keep();
    const optimizer = optim.sgd([x], { lr: huge });
    const scale = gpu.tensor([1, 10]).keep();
    const step = () => {
      sum(mul(x, scale)).backward();
      optimizer.step();
    };
    expect(await find(step, recorded)).toBe("[numerics] -Infinity at [1] of 'x' [2] after 'sgd'");

    const [gamma, beta, runningMean, runningVar] = [1, 0, 0, 1].map((value, k) =>
      gpu.full([1], value, { name: ["gamma", "beta", "runningMean", "runningVar"][k] ?? "" }).keep(),
    ) as [Tensor, Tensor, Tensor, Tensor];
    const wide = gpu.tensor([1e20, -1e20], [2, 1]).keep();
    const normalized = () => batchNorm(wide, gamma, beta, { runningMean, runningVar, training: true });
    expect(await find(normalized, recorded)).toMatch(
      /(Infinity|NaN) at \[0\] of 'runningVar' \[1\], which 'batchNorm' keeps \(forward\)/,
    );
  });
});

it("reports the first of several, once, and only what `fn` does", async () => {
  const x = gpu.tensor([-1]).keep();
  const found = await find(() => log(log(x)), false);
  expect(found).toContain("the output [1] of 'log'");
  await expect(x.data()).resolves.toBeDefined();
  const y = log(x);
  expect(await y.item()).toBeNaN();
  expect(gpu.checkNumerics(() => 5)).toBe(5);
});

it("changes no bits", async () => {
  const run = async (checked: boolean) => {
    const net = new Net([0.5, 0.25]);
    const optimizer = optim.sgd(net.parameters(), { lr: 0.1, momentum: 0.9 });
    const step = () => {
      sum(matmul(net.forward(ones), ones)).backward();
      optimizer.step();
    };
    const recorded = gpu.record(() => (checked ? gpu.checkNumerics(step) : step()));
    for (let k = 0; k < 3; k++) recorded();
    const values = await Promise.all(net.parameters().map(async (tensor) => [...(await tensor.data())]));
    recorded.release();
    return values;
  };
  expect(await run(true)).toEqual(await run(false));
});
