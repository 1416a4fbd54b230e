/** The tape: what backward computes, in which order, what it releases and what it refuses. */

import { describe, expect, it } from "vitest";
import { add, exp, mean, mul, noGrad, relu, reshape, sqrt, sum, type Tensor } from "wgrad";
import { gpu } from "../support/gpu.ts";

const leaf = (data: number[], name = "") => gpu.tensor(data, [data.length], { requiresGrad: true, name });
const gradientOf = async (x: Tensor) => [...((await x.grad?.data()) ?? [])];

describe("the walk", () => {
  it("visits a diamond once: 60 doublings give 2^60", async () => {
    const leafX = leaf([1]);
    let x: Tensor = leafX;
    for (let k = 0; k < 60; k++) x = add(x, x);
    const start = performance.now();
    x.backward();
    expect(await gradientOf(leafX)).toEqual([2 ** 60]);
    // Visiting each path would take 2^60 steps.
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  it("goes through 10,000 ops without recursion", async () => {
    const x = leaf([2]);
    let y: Tensor = x;
    for (let k = 0; k < 10_000; k++) y = add(y, 1);
    y.backward();
    expect(await y.item()).toBe(10_002);
    expect(await gradientOf(x)).toEqual([1]);
  });

  it("gives a value used by several ops the sum of their gradients", async () => {
    const x = leaf([1, 2, 3]);
    const h = mul(x, 2);
    sum(add(mul(h, h), add(h, reshape(h, [3])))).backward();
    expect(await gradientOf(x)).toEqual([12, 20, 28]);
  });

  it("gives two leaves that share one gradient tensor their own", async () => {
    const [a, b] = [leaf([1, 2]), leaf([3, 4])];
    sum(mul(add(a, b), add(a, a))).backward();
    expect(await gradientOf(a)).toEqual([10, 16]);
    expect(await gradientOf(b)).toEqual([2, 4]);
  });

  it("lets gradients be reshaped views without losing them", async () => {
    const x = leaf([1, 2, 3, 4]);
    const m = reshape(x, [2, 2]);
    sum(add(mul(m, m), reshape(reshape(m, [4]), [2, 2]))).backward();
    expect(await gradientOf(x)).toEqual([3, 5, 7, 9]);
  });
});

describe("leaves", () => {
  it("replace their gradient at the next backward", async () => {
    const x = leaf([1, 2]);
    sum(mul(x, 3)).backward();
    sum(mul(x, 5)).backward();
    expect(await gradientOf(x)).toEqual([5, 5]);
  });

  it("add to it with accumulate, also at the first backward", async () => {
    const x = leaf([1, 2]);
    sum(mul(x, 3)).backward({ accumulate: true });
    sum(mul(x, 5)).backward({ accumulate: true });
    expect(await gradientOf(x)).toEqual([8, 8]);
  });

  it("keep an older gradient when a loss doesn't depend on them", async () => {
    const [x, y] = [leaf([1]), leaf([1])];
    mul(x, 3).backward();
    mul(y, 5).backward();
    expect(await gradientOf(x)).toEqual([3]);
  });

  it("get none when frozen, and their work is skipped", async () => {
    const [x, w] = [leaf([1, 2]), leaf([3, 4])];
    w.requiresGrad = false;
    sum(mul(x, w)).backward();
    expect(await gradientOf(x)).toEqual([3, 4]);
    expect(w.grad).toBeNull();
  });

  it("as the loss have no gradient to compute", () => {
    expect(() => leaf([1], "w").backward()).toThrowErrorMatchingInlineSnapshot(
      `[Error: [backward] 'w' [1] is a leaf: nothing was computed from parameters]`,
    );
  });
});

describe("errors", () => {
  it("for a loss that isn't a scalar", () => {
    expect(() => mul(leaf([1, 2]), 2).backward()).toThrowErrorMatchingInlineSnapshot(
      `[Error: [backward] the loss must be a scalar, but is tensor [2]; reduce it with sum() or mean()]`,
    );
  });
  it("for a loss that depends on nothing", () => {
    expect(() => sum(gpu.zeros([2])).backward()).toThrowErrorMatchingInlineSnapshot(
      `[Error: [backward] tensor [] depends on no tensor with requiresGrad]`,
    );
  });
  it("for a second backward", () => {
    const loss = sum(leaf([1, 2]));
    loss.backward();
    expect(() => loss.backward()).toThrowErrorMatchingInlineSnapshot(
      `[Error: [backward] tensor [], made by 'sum', was part of an earlier backward() and is released; add the losses and call backward() once, or compute it again]`,
    );
  });
  it("for a loss computed from what an earlier backward released", () => {
    const h = mul(leaf([1, 2]), 2).keep();
    sum(h).backward();
    expect(() => sum(mul(h, 2)).backward()).toThrowErrorMatchingInlineSnapshot(
      `[Error: [backward] tensor [2], made by 'mul', was part of an earlier backward() and is released; add the losses and call backward() once, or compute it again]`,
    );
  });
  it("for reading what backward released", async () => {
    const h = mul(leaf([1, 2]), 2);
    h.name = "hidden";
    sum(h).backward();
    await expect(h.data()).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: [tensor] 'hidden' [2] was released by backward(); call keep() on it before, to use it afterwards]`,
    );
  });
  it("for computing with what backward released", () => {
    const h = mul(leaf([1, 2]), 2);
    sum(h).backward();
    expect(() => mul(h, 2)).toThrow("was released by backward()");
  });
  it("for freezing a result", () => {
    const h = mul(leaf([1, 2]), 2);
    expect(() => {
      h.requiresGrad = false;
    }).toThrowErrorMatchingInlineSnapshot(
      `[Error: [requiresGrad] tensor [2] is the result of 'mul'; use detach()]`,
    );
  });
  it("for integers with gradients", () => {
    expect(() =>
      gpu.tensor(new Int32Array(2), [2], { requiresGrad: true }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [requiresGrad] only f32 tensors have gradients, but tensor [2] is i32]`,
    );
    const counts = gpu.tensor(new Int32Array(2));
    expect(() => {
      counts.requiresGrad = true;
    }).toThrow(/only f32 tensors have gradients/);
    expect(counts.requiresGrad).toBe(false);
  });
  it("before anything is computed: gradients stay as they were", async () => {
    const x = leaf([1, 2], "x");
    sum(mul(x, 3)).backward();
    const loss = sum(mul(x, x));
    x.write([5, 6]);
    expect(() => loss.backward()).toThrow("'x' [2] was overwritten after 'mul' saved it");
    expect(await gradientOf(x)).toEqual([3, 3]);
  });
});

describe("release", () => {
  it("spares the loss, leaves, and what keep() marked", async () => {
    const x = leaf([1, 2]);
    const kept = mul(x, 2).keep();
    const dropped = mul(kept, 2);
    const loss = sum(dropped);
    loss.backward();
    expect([...(await kept.data())]).toEqual([2, 4]);
    expect([...(await x.data())]).toEqual([1, 2]);
    expect(await loss.item()).toBe(12);
    expect(dropped.isReleased).toBe(true);
  });

  it("spares a detached view", async () => {
    const h = mul(leaf([1, 2]), 2);
    const view = h.detach();
    sum(h).backward();
    expect(h.isReleased).toBe(true);
    expect([...(await view.data())]).toEqual([2, 4]);
  });

  it("spares a constant operand", async () => {
    const c = gpu.tensor([2, 3]);
    sum(mul(leaf([1, 2]), c)).backward();
    expect([...(await c.data())]).toEqual([2, 3]);
  });
});

describe("without gradients", () => {
  it("detach() stops them", async () => {
    const x = leaf([3]);
    mul(x, x.detach()).backward();
    expect(await gradientOf(x)).toEqual([3]);
  });

  it("noGrad records nothing", () => {
    const x = leaf([3]);
    const y = noGrad(() => mul(x, x));
    expect(y.requiresGrad).toBe(false);
    expect(mul(x, x).requiresGrad).toBe(true);
  });

  it("noGrad is left when its function throws", () => {
    expect(() =>
      noGrad(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(mul(leaf([3]), 2).requiresGrad).toBe(true);
  });

  it("noGrad refuses async functions", () => {
    expect(() => noGrad(async () => {})).toThrowErrorMatchingInlineSnapshot(
      `[Error: [noGrad] 'fn' must be synchronous; await its results outside]`,
    );
  });
});

describe("write()", () => {
  it("keeps program order with the work around it", async () => {
    const x = gpu.tensor([1, 2]);
    const before = mul(x, 10);
    x.write([3, 4]);
    const after = mul(x, 10);
    x.write(new Float32Array([5, 6]));
    expect([...(await before.data())]).toEqual([10, 20]);
    expect([...(await after.data())]).toEqual([30, 40]);
    expect([...(await x.data())]).toEqual([5, 6]);
  });

  it("checks type and count", () => {
    const x = gpu.tensor([1, 2], [2], { name: "x" });
    expect(() => x.write([1, 2, 3])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [write] 'x' [2] takes a Float32Array of 2 elements, but got Array of 3]`,
    );
    expect(() => x.write(new Int32Array(2))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [write] 'x' [2] takes a Float32Array of 2 elements, but got Int32Array of 2]`,
    );
  });
});

it("means over a leaf that is also the whole graph", async () => {
  const x = leaf([4, 16]);
  mean(sqrt(relu(exp(mul(x, 0))))).backward();
  expect(await gradientOf(x)).toEqual([0, 0]);
});
