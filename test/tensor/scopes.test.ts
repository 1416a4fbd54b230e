/** Scopes, and memory that stays flat without any dispose. */

import { describe, expect, it } from "vitest";
import { add, createGpu, max, mean, mul, reshape, sub, sum, type Tensor } from "wgrad";
import { collectGarbage } from "../support/garbage.ts";
import { gpu } from "../support/gpu.ts";

describe("gpu.scope", () => {
  it("frees what was made inside and keeps what it returns, also in arrays and objects", async () => {
    const made: Tensor[] = [];
    const note = (x: Tensor) => {
      made.push(x);
      return x;
    };
    const result = gpu.scope(() => {
      const x = note(gpu.tensor([1, 2]));
      const y = note(mul(x, 2));
      return { list: [mul(y, 2)], nested: { y } };
    });
    expect(made.map((x) => x.isReleased)).toEqual([true, false]);
    expect([...(await result.nested.y.data())]).toEqual([2, 4]);
    expect([...((await result.list[0]?.data()) ?? [])]).toEqual([4, 8]);
  });

  it("keeps what it returns in maps and sets", async () => {
    const { map, set } = gpu.scope(() => ({
      map: new Map([["x", gpu.tensor([1])]]),
      set: new Set([gpu.tensor([2])]),
    }));
    expect(await map.get("x")?.item()).toBe(1);
    for (const x of set) expect(await x.item()).toBe(2);
  });

  it("keeps what keep() marked", async () => {
    let kept: Tensor | undefined;
    gpu.scope(() => {
      kept = gpu.tensor([7]).keep();
    });
    expect(await kept?.item()).toBe(7);
  });

  it("hands what an inner scope returns to the outer one", () => {
    let inner: Tensor | undefined;
    gpu.scope(() => {
      inner = gpu.scope(() => gpu.tensor([7]));
      expect(inner.isReleased).toBe(false);
    });
    expect(inner?.isReleased).toBe(true);
  });

  it("lets a returned view keep the memory that it shares", async () => {
    const view = gpu.scope(() => reshape(mul(gpu.tensor([1, 2]), 2), [2, 1]));
    gpu.scope(() => gpu.full([2], 1234.5));
    expect([...(await view.data())]).toEqual([2, 4]);
  });

  it("lets a leaf's gradient live as long as the leaf", async () => {
    const x = gpu.tensor([1, 2], [2], { requiresGrad: true });
    gpu.scope(() => sum(mul(x, x)).backward());
    expect([...((await x.grad?.data()) ?? [])]).toEqual([2, 4]);
  });

  it("keeps the gradient of a leaf that keep() marked, before or after backward()", async () => {
    const leaves: Tensor[] = [];
    gpu.scope(() => {
      for (const isKeptBefore of [true, false]) {
        const x = gpu.tensor([1, 2], [2], { requiresGrad: true });
        if (isKeptBefore) x.keep();
        sum(mul(x, x)).backward();
        leaves.push(x.keep());
      }
    });
    for (const x of leaves) {
      expect([...((await x.grad?.data()) ?? [])]).toEqual([2, 4]);
      sum(mul(x, 3)).backward({ accumulate: true });
      expect([...((await x.grad?.data()) ?? [])]).toEqual([5, 7]);
    }
  });

  it("frees what was made before its function threw", () => {
    let made: Tensor | undefined;
    const failing = () =>
      gpu.scope(() => {
        made = gpu.tensor([7]);
        throw new Error("inside");
      });
    expect(failing).toThrow("inside");
    expect(made?.isReleased).toBe(true);
  });

  it("refuses async functions", () => {
    expect(() => gpu.scope(async () => {})).toThrowErrorMatchingInlineSnapshot(
      `[Error: [scope] 'fn' must be synchronous; return the tensors and await their data outside]`,
    );
  });

  it("is named by the error of a read afterwards", async () => {
    const x = gpu.scope(() => {
      const inner = gpu.tensor([7], [1], { name: "inner" });
      return () => inner;
    })();
    await expect(x.data()).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: [tensor] 'inner' [1] was released by gpu.scope(); call keep() on it before, to use it afterwards]`,
    );
  });
});

describe("memory", () => {
  it("is flat over 1,000 training steps without dispose", async () => {
    const w = gpu.tensor([0.5, -0.5, 1], [3, 1], { requiresGrad: true });
    const x = gpu.tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    const step = () => {
      const h = sum(mul(x, reshape(w, [3])), { axes: 1, keepDims: true });
      const error = sub(h, max(h));
      const loss = mean(mul(error, add(error, 1)));
      loss.backward();
      return loss;
    };
    // Recordings that earlier tests left give their buffers back.
    await collectGarbage();
    const losses: Tensor[] = [];
    // The losses stay, as those of a user who plots them would.
    for (let k = 0; k < 20; k++) losses.push(step());
    await gpu.idle();
    const before = gpu.memory;
    for (let k = 0; k < 1_000; k++) losses.push(step());
    await gpu.idle();
    const { buffers, bytes } = gpu.memory;
    expect({ buffers, bytes }).toEqual({ buffers: before.buffers, bytes: before.bytes });
    expect(losses.filter((loss) => loss.isReleased)).toHaveLength(0);
    const values = await Promise.all([losses[0], losses.at(-1)].map((loss) => loss?.item()));
    expect(values[1]).toBe(values[0]);
  });

  it("is flat to the buffer where a scope drops the losses too", async () => {
    const own = await createGpu({ device: gpu.device.raw }); // without garbage of other tests
    const w = own.tensor([0.5, -0.5, 1], [3], { requiresGrad: true });
    const step = () =>
      own.scope(() => {
        sum(mul(mul(w, w), 0.5)).backward();
      });
    for (let k = 0; k < 20; k++) step();
    await own.idle();
    const before = own.memory;
    for (let k = 0; k < 1_000; k++) step();
    await own.idle();
    expect(own.memory).toEqual(before);
  });

  it("that the adapter can't hold is refused with size, limit and advice", () => {
    const limit = Math.min(gpu.device.limits.maxBufferSize, gpu.device.limits.maxStorageBufferBindingSize);
    const elements = 2 ** Math.ceil(Math.log2(limit / 4) + 1);
    const message = [
      `[memory] 'tensor [${elements}]' needs a buffer of ${(4 * elements).toLocaleString("en")} bytes`,
      `but this adapter's limit is ${limit.toLocaleString("en")}; use a smaller batch or split the tensor`,
    ].join(", ");
    const before = gpu.memory;
    expect(() => gpu.zeros([elements])).toThrow(message);
    expect(gpu.memory).toEqual(before);
  });
});
