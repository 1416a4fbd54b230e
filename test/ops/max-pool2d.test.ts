/** maxPool2d: the cases from the field, ties, NaN, old memory, messages. Shapes are covered by the kernel's cases. */

import { describe, expect, it } from "vitest";
import { maxPool2d, type Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { maxPoolGradReference, maxPoolReference } from "../../src/kernels/max-pool.reference.ts";
import { gpu } from "../support/gpu.ts";
import { dotLoss, leaveOldMemory } from "../support/ops.ts";

const ones = (x: Tensor) => new Float32Array(x.size).fill(1);

describe("maxPool2d", () => {
  for (const scale of [1, 1e30, Number.POSITIVE_INFINITY]) {
    for (const channels of [1, 4]) {
      it(`starts from the first element: negative numbers times ${scale}, ${channels} channels (tfjs 4854)`, async () => {
        const values = [-1, -2, -3, -4].flatMap((value) => new Array<number>(channels).fill(value * scale));
        const x = gpu.tensor(values, [1, 2, 2, channels], { requiresGrad: true });
        const y = maxPool2d(x, { size: 2 });
        expect([...(await y.data())]).toEqual(new Array(channels).fill(Math.fround(-scale)));
        dotLoss(y, ones(y)).backward();
        const grad = [1, 0, 0, 0].flatMap((value) => new Array<number>(channels).fill(value));
        expect([...((await x.grad?.data()) ?? [])]).toEqual(grad);
      });
    }
  }

  for (let channels = 1; channels <= 8; channels++) {
    it(`writes every element of the gradient, ${channels} channels (burn 5308)`, async () => {
      const shape = [2, 4, 4, channels];
      const count = 2 * 4 * 4 * channels;
      // Distinct values in an order of their own: 37 and the count have no common factor.
      const values = Float32Array.from({ length: count }, (_, k) => (k * 37) % count);
      const x = gpu.tensor(values, shape, { requiresGrad: true });
      const pool = {
        images: 2,
        height: 4,
        width: 4,
        channels,
        size: [3, 3],
        stride: [3, 3],
        padding: [0, 0],
      } as const;
      leaveOldMemory(gpu, [count, 2 * channels]);
      const y = maxPool2d(x, { size: 3, stride: 3 });
      expect([...(await y.data())]).toEqual([...maxPoolReference(values, pool).y]);
      leaveOldMemory(gpu, [count, 2 * channels]);
      dotLoss(y, ones(y)).backward();
      const grad = (await x.grad?.data()) ?? new Float32Array();
      expect([...grad]).toEqual([...maxPoolGradReference(values, ones(y), pool)]);
      expect(grad.filter((value) => value === 1).length).toBe(2 * channels);
    });
  }

  it("overwrites old memory where windows overlap", async () => {
    const values = noise(2 * 5 * 6 * 4);
    const x = gpu.tensor(values, [2, 5, 6, 4], { requiresGrad: true });
    const y = maxPool2d(x, { size: [3, 2], stride: [1, 2] });
    expect(y.shape).toEqual([2, 3, 3, 4]);
    leaveOldMemory(gpu, [x.size]);
    dotLoss(y, ones(y)).backward();
    const pool = {
      images: 2,
      height: 5,
      width: 6,
      channels: 4,
      size: [3, 2],
      stride: [1, 2],
      padding: [0, 0],
    } as const;
    expect([...((await x.grad?.data()) ?? [])]).toEqual([...maxPoolGradReference(values, ones(y), pool)]);
  });

  it("gives a tie to the first place in row-major order", async () => {
    for (const channels of [1, 4]) {
      const x = gpu.tensor(new Float32Array(9 * channels).fill(5), [1, 3, 3, channels], {
        requiresGrad: true,
      });
      dotLoss(maxPool2d(x, { size: 3 }), new Float32Array(channels).fill(2)).backward();
      const grad = [...((await x.grad?.data()) ?? [])];
      expect(grad).toEqual([...new Array(channels).fill(2), ...new Array(8 * channels).fill(0)]);
    }
  });

  it("passes NaN on, wherever it is in the window, and its gradient to the first NaN", async () => {
    for (const channels of [1, 4]) {
      for (const places of [[0], [2], [3], [1, 2]]) {
        const values = new Float32Array(4 * channels).fill(7);
        for (const place of places) values.fill(Number.NaN, place * channels, (place + 1) * channels);
        const x = gpu.tensor(values, [1, 2, 2, channels], { requiresGrad: true });
        const y = maxPool2d(x, { size: 2 });
        expect([...(await y.data())]).toEqual(new Array(channels).fill(Number.NaN));
        dotLoss(y, ones(y)).backward();
        const grad = (await x.grad?.data()) ?? new Float32Array();
        expect(grad.indexOf(1)).toBe((places[0] ?? 0) * channels);
      }
    }
  });

  it("lets no padded place win, and gives it no gradient", async () => {
    for (const channels of [1, 4]) {
      const x = gpu.tensor(new Float32Array(4 * channels).fill(-3), [1, 2, 2, channels], {
        requiresGrad: true,
      });
      const y = maxPool2d(x, { size: 2, padding: 1 });
      expect(y.shape).toEqual([1, 2, 2, channels]);
      expect(new Set(await y.data())).toEqual(new Set([-3]));
      dotLoss(y, ones(y)).backward();
      expect(new Set(await x.grad?.data())).toEqual(new Set([1]));
    }
  });

  it("says what is wrong", () => {
    const x = gpu.full([2, 4, 5, 3], 0);
    expect(() => maxPool2d(gpu.full([4, 5], 0), { size: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [maxPool2d] 'x' must be [N, H, W, C], but got [4, 5]]`,
    );
    expect(() => maxPool2d(x, { size: 5 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [maxPool2d] 'size' [5, 5] must not exceed the height and width of x [2, 4, 5, 3]; pool less often or with a smaller window]`,
    );
    expect(() => maxPool2d(x, { size: [4, 6], stride: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [maxPool2d] 'size' [4, 6] must not exceed the height and width of x [2, 4, 5, 3]; pool less often or with a smaller window]`,
    );
    expect(() => maxPool2d(x, { size: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [maxPool2d] 'size' must be a positive integer or two of them, but got 0]`,
    );
    for (const [size, got] of [
      [null, "null"],
      [[2, 2, 2], "[2, 2, 2]"],
    ] as const)
      expect(() => maxPool2d(x, { size: size as unknown as number })).toThrow(
        `[maxPool2d] 'size' must be a positive integer or two of them, but got ${got}`,
      );
    expect(() => maxPool2d(x, { size: 3, padding: [1, 2] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [maxPool2d] 'padding' [1, 2] must be at most half of 'size' [3, 3]: a window may not lie outside x]`,
    );
    expect(() => maxPool2d(x, { size: [7, 3], stride: 1, padding: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [maxPool2d] 'size' [7, 3] must not exceed the height and width of x [2, 4, 5, 3] with padding [1, 1]; pool less often or with a smaller window]`,
    );
    expect(() => maxPool2d(x, { size: 2, padding: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [maxPool2d] 'padding' must be a non-negative integer or two of them, but got -1]`,
    );
    expect(() => maxPool2d(x, { size: 2, stride: 1.5 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [maxPool2d] 'stride' must be a positive integer or two of them, but got 1.5]`,
    );
  });
});
