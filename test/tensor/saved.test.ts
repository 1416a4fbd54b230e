/** What ops save for a backward that never comes goes with their outputs: every op, eager and recorded. */
import { afterAll, describe, expect, it } from "vitest";
import { batchNorm, maxPool2d, mul, nn, reshape, sum, type Tensor } from "wgrad";
import { sizeClass } from "../../src/gpu/buffers.ts";
import { gpu } from "../support/gpu.ts";
import { dataOf, opRows, type Row } from "../support/op-rows.ts";

const input = ([, shape]: Row) => gpu.tensor(dataOf(shape), shape, { requiresGrad: true });

describe("a forward without backward", () => {
  // Collected garbage, too, would change what is in use.
  const held: Tensor[] = [];
  afterAll(() => held.splice(0));

  for (const row of opRows) {
    it(`leaves nothing behind in a scope: ${row[0]}`, () => {
      const x = input(row);
      const { op } = row[2]();
      const forward = () =>
        gpu.scope(() => {
          held.push(op(x));
        });
      forward();
      const before = gpu.memory.usedBytes;
      forward();
      expect(gpu.memory.usedBytes).toBe(before);
    });

    it(`leaves nothing behind but its output in a recorded step: ${row[0]}`, () => {
      const x = input(row);
      const { op } = row[2]();
      const step = gpu.record(() => {
        const y = op(x);
        held.push(y);
        return y;
      });
      const before = gpu.memory.usedBytes;
      const y = step();
      held.push(y);
      step.release();
      expect(gpu.memory.usedBytes - before).toBe(y.buffer === x.buffer ? 0 : sizeClass(y.byteLength));
    });
  }

  it("leaves nothing behind in a scope: a network", () => {
    const model = nn.vgg(gpu, { classes: 10, width: 1 / 16, seed: 0 });
    const images = gpu.zeros([2, 32, 32, 3]);
    const forward = () => gpu.scope(() => void held.push(model.forward(images, { training: true })));
    forward();
    const before = gpu.memory.usedBytes;
    forward();
    expect(gpu.memory.usedBytes).toBe(before);
  });
});

describe("backward() after the scope", () => {
  const image = [1, 2, 2, 1];
  const pool = (x: Tensor) => maxPool2d(x, { size: 2 });
  const leaf = () => gpu.tensor([1, 4, 2, 3], image, { requiresGrad: true });

  it("goes through an output that the scope returned", async () => {
    const x = leaf();
    const y = gpu.scope(() => pool(x));
    sum(mul(y, y)).backward();
    expect(await x.grad?.data()).toEqual(Float32Array.of(0, 8, 0, 0));
  });

  it("goes through an output that was kept", async () => {
    const x = leaf();
    const kept: Tensor[] = [];
    gpu.scope(() => {
      kept.push(pool(x).keep());
    });
    for (const y of kept) sum(mul(y, y)).backward();
    expect(await x.grad?.data()).toEqual(Float32Array.of(0, 8, 0, 0));
  });

  it("is refused where the scope released an output, which is named", () => {
    const x = leaf();
    const loss = gpu.scope(() => sum(reshape(pool(x), [1])));
    expect(() => loss.backward()).toThrowErrorMatchingInlineSnapshot(
      `[Error: [backward] tensor [1, 1, 1, 1], made by 'maxPool2d', was released by gpu.scope(), and with it what its gradient needs; call backward() before, or keep() on it]`,
    );
    expect(x.grad).toBeNull();
  });

  it("frees what was saved with a kept output, too", () => {
    const [gamma, beta] = [gpu.full([1], 1, { requiresGrad: true }), gpu.zeros([1], { requiresGrad: true })];
    const options = { runningMean: gpu.zeros([1]), runningVar: gpu.full([1], 1), training: true };
    const [x, kept] = [leaf(), [] as Tensor[]];
    const step = () =>
      gpu.scope(() => {
        const y = batchNorm(x, gamma, beta, options).keep();
        kept.push(y);
        sum(y).backward();
      });
    step();
    const before = gpu.memory.usedBytes;
    step();
    expect(gpu.memory.usedBytes - before).toBe(kept[1]?.buffer.size);
  });
});
