/** Images moved by whole pixels. */
import { describe, expect, it } from "vitest";
import { add, data, noGrad } from "wgrad";
import { gpu } from "../support/gpu.ts";

describe("translate", () => {
  const image = gpu.tensor([1, 2, 3, 4, 5, 6], [1, 2, 3, 1]).keep();

  it("mirrors, then moves the view over the image padded by reflection", async () => {
    const look = async (options: data.TranslateOptions) => [...(await data.translate(image, options).data())];
    expect(await look({})).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await look({ right: 1 })).toEqual([2, 3, 2, 5, 6, 5]);
    expect(await look({ right: -2 })).toEqual([3, 2, 1, 6, 5, 4]);
    expect(await look({ down: 1 })).toEqual([4, 5, 6, 1, 2, 3]);
    expect(await look({ mirror: true })).toEqual([3, 2, 1, 6, 5, 4]);
    expect(await look({ mirror: true, right: 1, down: -1 })).toEqual([5, 4, 5, 2, 1, 2]);
  });

  it("refuses what it can't move, and losing a gradient", () => {
    expect(() => data.translate(gpu.zeros([2, 3]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [translate] 'images' must be f32 [N, H, W, C], but got f32 [2, 3]]`,
    );
    expect(() => data.translate(image, { down: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [translate] 'down' must be whole pixels from -1 to 1 for images [1, 2, 3, 1], but got 2]`,
    );
    expect(() => data.translate(image, { right: 0.5 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [translate] 'right' must be whole pixels from -2 to 2 for images [1, 2, 3, 1], but got 0.5]`,
    );
    const leaf = gpu.tensor([1, 2], [1, 1, 2, 1], { requiresGrad: true });
    expect(() => data.translate(add(leaf, 1))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [translate] 'images' need a gradient, which doesn't flow through translate; call it in noGrad, or detach() them]`,
    );
    expect(noGrad(() => data.translate(leaf)).requiresGrad).toBe(false);
  });
});
