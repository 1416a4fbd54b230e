/** Average pooling: PyTorch's windows by hand, special values, layers, messages. Shapes are covered by the kernels' cases. */
import { describe, expect, it } from "vitest";
import { adaptiveAvgPool2d, avgPool2d, globalAvgPool2d, nn } from "wgrad";
import { gpu } from "../support/gpu.ts";

const image = (height: number, width: number, channels = 1) =>
  gpu.tensor(
    Float32Array.from({ length: height * width * channels }, (_, k) => Math.floor(k / channels) + 1),
    [1, height, width, channels],
  );

describe("average pooling", () => {
  for (const channels of [1, 4]) {
    const values = async (x: { data(): Promise<ArrayLike<number>> }) =>
      Array.from(await x.data()).filter((_, k) => k % channels === 0);

    it(`counts the padding or not, ${channels} channels`, async () => {
      const x = image(2, 2, channels);
      const options = { size: 2, padding: 1 };
      expect(await values(avgPool2d(x, options))).toEqual([0.25, 0.5, 0.75, 1]);
      expect(await values(avgPool2d(x, { ...options, countIncludePad: false }))).toEqual([1, 2, 3, 4]);
    });

    it(`shares pixels where the windows don't divide the image, ${channels} channels`, async () => {
      expect(await values(adaptiveAvgPool2d(image(1, 5, channels), [1, 3]))).toEqual([1.5, 3, 4.5]);
      expect(await values(adaptiveAvgPool2d(image(1, 2, channels), [1, 3]))).toEqual([1, 1.5, 2]);
    });

    it(`keeps infinities and NaN to the windows that hold them, ${channels} channels`, async () => {
      const special = [1, 3, Number.NaN, 0, 5, Number.POSITIVE_INFINITY];
      const x = gpu.tensor(
        special.flatMap((value) => new Array<number>(channels).fill(value)),
        [1, 1, 6, channels],
      );
      expect(await values(avgPool2d(x, { size: [1, 2] }))).toEqual([2, Number.NaN, Number.POSITIVE_INFINITY]);
    });

    it(`doesn't add up rounding over a large window, ${channels} channels`, async () => {
      const [mean = 0] = await values(adaptiveAvgPool2d(gpu.full([1, 256, 256, channels], 0.1), 1));
      expect(Math.abs(mean / Math.fround(0.1) - 1)).toBeLessThan(Math.sqrt(256 * 256) * 2 ** -24);
    });
  }

  it("is a layer, too", async () => {
    const x = image(4, 6, 3);
    expect(new nn.AvgPool2d({ size: 2 }).forward(x).shape).toEqual([1, 2, 3, 3]);
    expect(new nn.AdaptiveAvgPool2d([3, 1]).forward(x).shape).toEqual([1, 3, 1, 3]);
    const y = new nn.GlobalAvgPool2d().forward(x);
    expect([y.shape, [...(await y.data())]]).toEqual([
      [1, 3],
      [12.5, 12.5, 12.5],
    ]);
  });

  it("says what is wrong", () => {
    const x = image(4, 5, 3);
    expect(() => avgPool2d(gpu.zeros([4, 5]), { size: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [avgPool2d] 'x' must be [N, H, W, C], but got [4, 5]]`,
    );
    expect(() => avgPool2d(x, { size: [2, 6] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [avgPool2d] 'size' [2, 6] must not exceed the height and width of x [1, 4, 5, 3]; pool less often or with a smaller window]`,
    );
    expect(() => avgPool2d(x, { size: 3, padding: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [avgPool2d] 'padding' [2, 2] must be at most half of 'size' [3, 3]: a window may not lie outside x]`,
    );
    expect(() => avgPool2d(x, { size: 2, stride: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [avgPool2d] 'stride' must be a positive integer or two of them, but got 0]`,
    );
    expect(() => adaptiveAvgPool2d(x, [0, 2])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [adaptiveAvgPool2d] 'extents' must be a positive integer or two of them, but got [0, 2]]`,
    );
    expect(() => adaptiveAvgPool2d(gpu.zeros([5]), 1)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [adaptiveAvgPool2d] 'x' must be [N, H, W, C], but got [5]]`,
    );
    expect(() => globalAvgPool2d(gpu.zeros([2, 3]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [globalAvgPool2d] 'x' must be [N, H, W, C], but got [2, 3]]`,
    );
  });
});
