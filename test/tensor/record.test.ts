/** Recorded steps: the bits of eager ones, their arguments and results, and their memory. */
import { describe, expect, it } from "vitest";
import {
  add,
  createGpu,
  matmul,
  mul,
  nn,
  noGrad,
  optim,
  relu,
  softmaxCrossEntropy,
  sum,
  type Tensor,
} from "wgrad";
import { sizeClass } from "../../src/gpu/buffers.ts";
import { noise } from "../../src/kernels/cases.ts";
import { collectGarbage } from "../support/garbage.ts";
import { gpu } from "../support/gpu.ts";

class Net extends nn.Module {
  readonly conv: nn.Conv2d;
  readonly norm = new nn.BatchNorm(gpu, { channels: 4 });
  readonly dropout: nn.Dropout;
  readonly pool = new nn.MaxPool2d({ size: 2 });
  readonly fc: nn.Linear;

  constructor(seed: number) {
    super();
    const init = nn.leCunNormal({ seed });
    this.conv = new nn.Conv2d(gpu, { in: 2, out: 4, size: 3, padding: 1, init });
    this.dropout = new nn.Dropout({ rate: 0.4, rng: gpu.rng(seed) });
    this.fc = new nn.Linear(gpu, { in: 16, out: 3, init });
  }

  forward(x: Tensor, options: nn.ForwardOptions = {}): Tensor {
    const normed = this.norm.forward(this.conv.forward(x), options);
    const pooled = this.pool.forward(this.dropout.forward(normed, options));
    return this.fc.forward(new nn.Flatten().forward(pooled));
  }
}

const shape = [6, 4, 4, 2];
const images = (k: number) => gpu.tensor(noise(6 * 4 * 4 * 2, k), shape);
const labels = (k: number) => Int32Array.from({ length: 6 }, (_, row) => (row * 5 + k) % 3);

function trainer(seed: number) {
  const model = new Net(seed);
  const optimizer = optim.sgd(model.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 5e-4 });
  const eager = (x: Tensor, y: Tensor) => {
    const loss = softmaxCrossEntropy(model.forward(x, { training: true }), y);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const state = async () =>
    Promise.all(
      [...Object.values(model.stateDict()), ...Object.values(optimizer.stateDict().tensors)].map((tensor) =>
        tensor.data(),
      ),
    );
  return { model, optimizer, eager, state };
}

/** Eight steps with changes of the learning rate; `recorded` says which of them are replayed. */
async function train(recorded: (step: number) => boolean) {
  const { optimizer, eager, state } = trainer(3);
  const step = gpu.record(eager);
  const losses: number[] = [];
  for (let k = 0; k < 8; k++) {
    if (k === 3) optimizer.lr = 0.03;
    const loss = recorded(k) ? step(images(k), labels(k)) : eager(images(k), gpu.tensor(labels(k)));
    losses.push(await loss.item());
  }
  return { losses, state: await state() };
}

describe("a recorded training step", async () => {
  const eager = await train(() => false);

  it.each([
    ["recorded", () => true],
    ["recorded and eager by turns", (k: number) => k % 2 === 0],
    ["recorded after two eager steps", (k: number) => k > 1],
  ])("has the bits of an eager one: %s", async (_, recorded) => {
    expect(await train(recorded)).toEqual(eager);
  });

  it("makes n steps in n calls: the first call traces, and then replays like the others", async () => {
    const weight = gpu.tensor([1], [1], { requiresGrad: true });
    const optimizer = optim.sgd([weight], { lr: 1 });
    const step = gpu.record(() => {
      sum(mul(weight, gpu.full([1], 2))).backward();
      optimizer.step();
    });
    for (let k = 0; k < 3; k++) step();
    expect(await weight.data()).toEqual(Float32Array.of(-5));
  });

  it("counts as a use of its gradients: an eager step() after it needs a new backward", () => {
    const { optimizer, eager: fn } = trainer(3);
    const step = gpu.record(fn);
    for (let k = 0; k < 3; k++) step(images(k), labels(k));
    expect(() => optimizer.step()).toThrow("none was computed since the last step");
  });

  it("sees frozen parameters, accumulates, and puts gradients back that were taken away", async () => {
    const weight = gpu.tensor([1, 2], [2], { requiresGrad: true });
    const other = gpu.tensor([3, 5], [2], { requiresGrad: true });
    const step = gpu.record(() => sum(mul(weight, other)).backward({ accumulate: true }));
    for (let k = 0; k < 3; k++) step();
    expect(await weight.grad?.data()).toEqual(Float32Array.of(9, 15));
    Object.assign(weight, { grad: null });
    other.requiresGrad = false;
    step();
    expect(await weight.grad?.data()).toEqual(Float32Array.of(3, 5));
    expect(await other.grad?.data()).toEqual(Float32Array.of(3, 6));
  });

  it("is recorded anew after its parameters moved", async () => {
    const weight = gpu.tensor([1], [1], { requiresGrad: true });
    const step = gpu.record((x: Tensor) => noGrad(() => mul(weight, x)));
    expect(await step(Float32Array.of(3)).item()).toBe(3);
    optim.sgd([weight], { lr: 1 });
    gpu.full([1], 99);
    weight.write([2]);
    expect(await step(Float32Array.of(3)).item()).toBe(6);
    expect(step.recordings().length).toBe(1);
  });
});

describe("arguments and results", () => {
  it("has one recording per shapes, types and values", async () => {
    let traces = 0;
    const step = gpu.record((batch: { x: Tensor; scale: number }) => {
      traces += 1;
      return sum(mul(batch.x, gpu.full([1], batch.scale)));
    });
    const value = async (count: number, scale: number) => step({ x: gpu.full([count], 1), scale }).item();
    expect([await value(3, 2), await value(5, 2), await value(3, 2), await value(3, 4)]).toEqual([
      6, 10, 6, 12,
    ]);
    expect(traces).toBe(3);
    expect(await step({ x: Float32Array.of(1, 2, 3), scale: 2 }).item()).toBe(12);
  });

  it("gives arguments their gradients", async () => {
    const step = gpu.record((x: Tensor) => sum(mul(x, x)).backward());
    for (const value of [1, 2, 3]) {
      const x = gpu.tensor([value, -value], [2], { requiresGrad: true });
      step(x);
      expect(await x.grad?.data()).toEqual(Float32Array.of(2 * value, -2 * value));
    }
  });

  it("gives arguments gradients that live as long as they do, whichever scope the call is in", async () => {
    const x = gpu.tensor([3], [1], { requiresGrad: true });
    const step = gpu.record((a: Tensor) => sum(mul(a, a)).backward());
    gpu.scope(() => step(x));
    expect([...((await x.grad?.data()) ?? [])]).toEqual([6]);
  });

  it("gives an argument that stands in several places the sum of their gradients", async () => {
    const [x, y] = [2, 5].map((value) => gpu.tensor([value], [1], { requiresGrad: true })) as [
      Tensor,
      Tensor,
    ];
    const step = gpu.record((a: Tensor, { b }: { b: Tensor }) => sum(mul(a, mul(b, b))).backward());
    step(x, { b: x });
    expect([...((await x.grad?.data()) ?? [])]).toEqual([12]);
    step(x, { b: y });
    expect([...((await x.grad?.data()) ?? [])]).toEqual([25]);
    expect([...((await y.grad?.data()) ?? [])]).toEqual([20]);
    step(y, { b: y });
    expect([...((await y.grad?.data()) ?? [])]).toEqual([75]);
  });

  it("gives an argument an eager gradient after the recording's was released", async () => {
    const [x, y] = [2, 5].map((value) => gpu.tensor([value], [1], { requiresGrad: true })) as [
      Tensor,
      Tensor,
    ];
    const square = (a: Tensor) => sum(mul(a, a)).backward();
    const step = gpu.record(square);
    step(x);
    step(y);
    square(x);
    expect([...((await x.grad?.data()) ?? [])]).toEqual([4]);
  });

  it("takes a returned argument as another one of the next call", async () => {
    const step = gpu.record((a: Tensor, b: Tensor) => ({ sum: add(a, b), last: a }));
    let { sum: a, last: b } = { sum: gpu.tensor([1]), last: gpu.tensor([0]) };
    const fibonacci: number[] = [];
    for (let k = 0; k < 7; k++) {
      ({ sum: a, last: b } = step(a, b));
      fibonacci.push(await b.item(), await a.item());
    }
    expect(fibonacci).toEqual([1, 1, 1, 2, 2, 3, 3, 5, 5, 8, 8, 13, 13, 21]);
    const same = gpu.record((x: Tensor) => x);
    expect(await same(same(gpu.tensor([7]))).item()).toBe(7);
  });

  it("keeps the newest result, also as an argument and inside a scope; reading an older one throws", async () => {
    const twice = gpu.record((x: Tensor) => ({ y: mul(x, gpu.full([1], 2)) }));
    let { y } = gpu.scope(() => twice(Float32Array.of(1)));
    const first = y;
    for (let k = 0; k < 4; k++) ({ y } = gpu.scope(() => twice(y)));
    expect(await y.item()).toBe(32);
    await expect(first.item()).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: [tensor] tensor [1] was released by the next call of its recorded step; read it before that call]`,
    );
  });
});

describe("memory", () => {
  it("is flat over 10,000 calls", async () => {
    const own = await createGpu({ device: gpu.device.raw }); // without garbage of other tests
    const weight = own.tensor([0.5, 0.25], [1, 2], { requiresGrad: true });
    const optimizer = optim.sgd([weight], { lr: 1e-4 });
    const step = own.record((x: Tensor) => {
      const loss = sum(matmul(x, weight, { transposeB: true }));
      loss.backward();
      optimizer.step();
      return loss;
    });
    const x = own.tensor([1, 2], [1, 2]);
    for (let k = 0; k < 50; k++) step(x);
    await own.idle();
    await collectGarbage();
    own.device.trim();
    const before = own.memory;
    for (let k = 0; k < 10_000; k++) {
      step(x);
      if (k % 500 === 0) await own.idle();
    }
    await own.idle();
    expect(own.memory).toEqual(before);
    step.release(); // a recording that nobody has any more gives its memory back, also in the last wait above
  });

  it("is given back by release(), and eager work goes on", async () => {
    const { eager } = trainer(4);
    const [x, y] = [images(1), gpu.tensor(labels(1))];
    eager(x, y);
    const before = gpu.memory.usedBytes;
    const step = gpu.record((a: Tensor, b: Tensor) => void eager(a, b));
    step(x, y);
    expect(gpu.memory.usedBytes).toBeGreaterThan(before);
    step.release();
    expect(gpu.memory.usedBytes).toBe(before);
    expect(Number.isFinite(await eager(x, y).item())).toBe(true);
    step(x, y);
    await gpu.idle();
  });

  it("is shared by recordings, which never run at the same time", async () => {
    const own = await createGpu({ device: gpu.device.raw });
    const weight = own.tensor(noise(24, 1), [24]);
    const fn = (x: Tensor) => noGrad(() => sum(mul(relu(mul(x, weight)), weight), { axes: 1 }));
    const rowCounts = [33, 640, 257, 400];
    const inputs = rowCounts.map((rows) => own.tensor(noise(rows * 24, rows), [rows, 24]));
    const wanted = await Promise.all(inputs.map((x) => own.scope(() => fn(x)).data()));
    const steps = inputs.map(() => own.record(fn));
    const expectRight = async (from: number) => {
      const results = inputs.slice(from).map((x, k) => steps[from + k]?.(x).data());
      expect(await Promise.all(results)).toEqual(wanted.slice(from));
    };
    await collectGarbage();
    const before = own.memory.usedBytes;
    for (let round = 0; round < 3; round++) await expectRight(0);
    const planned = steps.map((step) => step.recordings()[0]?.memory.plannedBytes ?? 0);
    // Arguments and results have memory of their own. The first recording came before there was something to share.
    const bytesOf = (width: number) => rowCounts.reduce((sum, rows) => sum + sizeClass(rows * width * 4), 0);
    const needed = bytesOf(24) + bytesOf(1) + (planned[0] ?? 0) + Math.max(...planned);
    expect(own.memory.usedBytes - before).toBeLessThan(needed);
    for (let k = 0; k < steps.length; k++) {
      steps[k]?.release();
      await expectRight(k + 1);
    }
    // The results can still be read.
    expect(own.memory.usedBytes).toBe(before + bytesOf(1));
    own.destroy();
  });

  it("is planned to within 1.15 of the largest sum in use at one moment, for VGG", () => {
    const model = nn.vgg(gpu, { width: 1 / 4, seed: 1 });
    const optimizer = optim.sgd(model.parameters(), { lr: 0.1, momentum: 0.9 });
    const step = gpu.record((x: Tensor, y: Tensor) => {
      softmaxCrossEntropy(model.forward(x, { training: true }), y).backward();
      optimizer.step();
    });
    step(gpu.full([2, 32, 32, 3], 0.5), Int32Array.of(1, 2));
    const [recording] = step.recordings();
    const { plannedBytes = 0, peakBytes = 0, totalBytes = 0 } = recording?.memory ?? {};
    step.release();
    expect(plannedBytes).toBeGreaterThanOrEqual(peakBytes);
    expect(plannedBytes / peakBytes).toBeLessThan(1.15);
    expect(totalBytes).toBeGreaterThan(1.5 * peakBytes);
  });
});
