/** What is done to gradients between backward and step: clipping by norm, accumulation over micro-batches. */
import { describe, expect, it } from "vitest";
import { matmul, mul, optim, relu, softmaxCrossEntropy, sum, type Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { dispatchesOf, giveGradients, leaves } from "../support/optim.ts";
import fixture from "./fixtures/optim.json" with { type: "json" };

function gradientsOf(parameters: readonly Tensor[]) {
  return Promise.all(parameters.map(async ({ grad }) => (await grad?.data()) ?? new Float32Array()));
}

describe("clipGradNorm", () => {
  it.each(fixture.clip)("clips to $maxNorm as PyTorch does", async ({ maxNorm, norm, gradients }) => {
    const parameters = leaves(fixture.sizes);
    giveGradients(parameters, 100);
    const found = optim.clipGradNorm([...parameters, ...parameters], maxNorm);
    expect(largestError(await found.data(), [norm])).toBeLessThan(8 * 2 ** -24);
    for (const [k, values] of (await gradientsOf(parameters)).entries())
      expect(largestError(values, gradients[k] ?? [])).toBeLessThan(8 * 2 ** -24);
  });

  it("takes no notice of what lies between gradients in their arena", async () => {
    const parameters = leaves([3, 5, 4099]);
    const optimizer = optim.sgd(parameters, { lr: 1 });
    const junk = gpu.tensor(noise(64, 9), [64]);
    giveGradients(parameters, 100);
    const [first] = parameters;
    const { buffer = junk.buffer, byteOffset = 0 } = first?.grad ?? {};
    gpu.device.stream.copy(
      { ...viewOf(junk), byteLength: 200 },
      { buffer, byteOffset: byteOffset + 12, byteLength: 200 },
    );
    const norm = Math.hypot(...[3, 5, 4099].flatMap((size, k) => Array.from(noise(size, 100 + k))));
    expect(largestError(await optim.clipGradNorm(parameters, 1).data(), [norm])).toBeLessThan(64 * 2 ** -24);
    expect(dispatchesOf(() => optim.clipGradNorm(parameters, 1))).toBe(5);
    optimizer.step();
    expect(() => optimizer.step()).toThrow(/needs gradients/);
  });

  it("has the same bits in a recording, and leaves no memory behind", async () => {
    const run = async (isRecorded: boolean) => {
      const parameters = leaves([5, 1025]);
      const optimizer = optim.sgd(parameters, { lr: 0.1, momentum: 0.9 });
      const learn = () => {
        for (const p of parameters) sum(mul(p, mul(p, p))).backward();
        const norm = optim.clipGradNorm(parameters, 2);
        optimizer.step();
        return norm;
      };
      const step = isRecorded ? gpu.record(learn) : () => gpu.scope(learn);
      const norms: number[] = [];
      const used: number[] = [];
      for (let k = 0; k < 4; k++) {
        norms.push(await step().item());
        used.push(gpu.memory.buffers);
      }
      // Eagerly each norm is a tensor of its own, which the caller has.
      expect(used[3]).toBeLessThanOrEqual((used[1] ?? 0) + (isRecorded ? 0 : 2));
      return { norms, parameters: await Promise.all(parameters.map((p) => p.data())) };
    };
    const eager = await run(false);
    expect(new Set(eager.norms).size).toBe(4);
    expect(await run(true)).toEqual(eager);
  });

  it("counts no gradient that a parameter had before it was frozen, also in a recording", async () => {
    const [p, q] = leaves([1, 1]) as [Tensor, Tensor];
    const step = gpu.record(() => {
      sum(mul(p, 100)).backward();
      sum(mul(q, 3)).backward();
      return optim.clipGradNorm([p, q], 1);
    });
    expect(await step().item()).toBeCloseTo(Math.hypot(100, 3), 4);
    p.requiresGrad = false;
    sum(mul(q, 3)).backward();
    expect(await optim.clipGradNorm([p, q], 1).item()).toBe(3);
    p.requiresGrad = true;
    expect(await step().item()).toBeCloseTo(Math.hypot(100, 3), 4);
  });

  it("leaves no gradient as if nothing was wrong where the norm is no number, as in PyTorch", async () => {
    const clipped = async (value: number) => {
      const [p, q] = leaves([2, 1]) as [Tensor, Tensor];
      sum(mul(p, gpu.tensor([value, 1]))).backward();
      sum(mul(q, 3)).backward();
      const norm = await optim.clipGradNorm([p, q], 1).item();
      return { norm, gradients: (await gradientsOf([p, q])).map((values) => [...values]) };
    };
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    expect(await clipped(nan)).toEqual({ norm: nan, gradients: [[nan, nan], [nan]] });
    expect(await clipped(infinity)).toEqual({ norm: infinity, gradients: [[nan, 0], [0]] });
  });

  it("says what is wrong", () => {
    const parameters = leaves([2]);
    expect(() => optim.clipGradNorm(parameters, 1)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [clipGradNorm] needs gradients, but there is none; call backward() first]`,
    );
    giveGradients(parameters, 1);
    expect(() => optim.clipGradNorm(parameters, 0)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [clipGradNorm] 'maxNorm' must be above 0, but got 0]`,
    );
  });
});

describe("gradient accumulation", () => {
  const [rows, features, hidden, classes, micro] = [12, 7, 16, 5, 4];
  const labels = Int32Array.from({ length: rows }, (_, k) => k % classes);

  function model() {
    const leaf = (values: Float32Array<ArrayBuffer>, shape: number[]) =>
      gpu.tensor(values, shape, { requiresGrad: true });
    const w1 = leaf(noise(hidden * features, 1), [hidden, features]);
    const w2 = leaf(noise(classes * hidden, 2), [classes, hidden]);
    const lossOf = (x: Tensor, y: Tensor) =>
      softmaxCrossEntropy(matmul(relu(matmul(x, w1, { transposeB: true })), w2, { transposeB: true }), y);
    return { parameters: [w1, w2], lossOf };
  }

  function batch(from: number, count: number): [Tensor, Tensor] {
    const values = noise(rows * features, 3).slice(from * features, (from + count) * features);
    return [gpu.tensor(values, [count, features]), gpu.tensor(labels.slice(from, from + count), [count])];
  }

  it.each(["eager", "recorded"])("over micro-batches learns as one batch of all, %s", async (mode) => {
    const [whole, parts] = [model(), model()];
    const all = optim.sgd(whole.parameters, { lr: 0.5, momentum: 0.9 });
    const accumulating = optim.sgd(parts.parameters, { lr: 0.5, momentum: 0.9 });
    const everything = batch(0, rows);
    const microBatches = [0, 4, 8].map((from) => batch(from, micro));
    const part = gpu.tensor([micro / rows], [1]);
    const learn = () => {
      // The first replaces the gradients of the step before, the others add to it.
      microBatches.forEach(([x, y], k) => {
        mul(parts.lossOf(x, y), part).backward({ accumulate: k > 0 });
      });
      accumulating.step();
    };
    const step = mode === "eager" ? learn : gpu.record(learn);
    for (let k = 0; k < 3; k++) {
      whole.lossOf(...everything).backward();
      all.step();
      step();
    }
    for (const [k, p] of whole.parameters.entries()) {
      // Three steps; sums of 12 products in another order.
      expect(largestError((await parts.parameters[k]?.data()) ?? [], await p.data())).toBeLessThan(1e-6);
    }
  });
});

function viewOf({ buffer, byteOffset, byteLength }: Tensor) {
  return { buffer, byteOffset, byteLength };
}
