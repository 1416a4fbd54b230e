/** conv2d: the cases from the field, gradients, old memory, messages. Shapes are covered by the kernels' cases. */
import { describe, expect, it } from "vitest";
import { conv2d, nn, type Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { channelSumReference } from "../../src/kernels/channel-sum.reference.ts";
import {
  conv2dForwardReference,
  conv2dInputGradReference,
  conv2dWeightGradReference,
} from "../../src/kernels/conv2d/conv2d.reference.ts";
import { gpu } from "../support/gpu.ts";
import { largestError } from "../support/numbers.ts";
import { dotLoss, leaveOldMemory } from "../support/ops.ts";

const values = async (x: Tensor | null) => [...((await x?.data()) ?? [])];
const ones = (count: number) => new Float32Array(count).fill(1);

async function expectClose(x: Tensor | null, reference: Float64Array, terms: number): Promise<void> {
  // A sum of so many terms, rounded to float32 at each, errors of random sign; twice that for the worst element.
  expect(largestError((await x?.data()) ?? [], reference)).toBeLessThan((2 + Math.sqrt(terms)) * 2 ** -23);
}

describe("conv2d", () => {
  const modes = {
    eager: (x: Tensor, weight: Tensor) => conv2d(x, weight),
    recorded: gpu.record((x: Tensor, weight: Tensor) => conv2d(x, weight)),
  };
  for (const [mode, convolve] of Object.entries(modes)) {
    it(`gives the same result when called again, other widths in between, ${mode} (tfjs 4844)`, async () => {
      const x = gpu.tensor([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
      const weight = gpu.tensor(ones(4), [1, 2, 2, 1]);
      expect(await values(convolve(x, weight))).toEqual([12, 16, 24, 28]);
      expect(await values(convolve(x, weight))).toEqual([12, 16, 24, 28]);
      const wide = gpu.tensor([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [1, 3, 4, 1]);
      expect(await values(convolve(wide, weight))).toEqual([14, 18, 22, 30, 34, 38]);
      expect(await values(convolve(x, weight))).toEqual([12, 16, 24, 28]);
    });
  }

  for (const ci of [1, 2, 3, 5]) {
    it(`repeats its bits at widths 1 to 9, kernels 1 to 3, ${ci} channels, eager and recorded`, async () => {
      const results = async (convolve: typeof conv2d) => {
        const found: number[][] = [];
        for (let width = 1; width <= 9; width++) {
          for (let size = 1; size <= Math.min(3, width); size++) {
            const x = gpu.tensor(noise(3 * width * ci, width), [1, 3, width, ci]);
            const weight = gpu.tensor(noise(2 * size * size * ci, size), [2, size, size, ci]);
            found.push(await values(convolve(x, weight)));
          }
        }
        return found;
      };
      const first = await results(conv2d);
      expect(await results(conv2d)).toEqual(first);
      const recorded = gpu.record((x: Tensor, weight: Tensor) => conv2d(x, weight));
      for (let k = 0; k < 3; k++) expect(await results(recorded)).toEqual(first);
      recorded.release();
    });
  }

  for (const n of [65535, 65536, 65537, 131073]) {
    it(`counts ${n} images in the filter's gradient (pytorch 96225)`, async () => {
      const x = gpu.tensor(ones(n), [n, 1, 1, 1], { requiresGrad: true });
      const weight = gpu.tensor([1], [1, 1, 1, 1], { requiresGrad: true });
      const bias = gpu.tensor([0], [1], { requiresGrad: true });
      const y = conv2d(x, weight, { bias });
      expect(new Set(await values(y))).toEqual(new Set([1]));
      dotLoss(y, ones(n)).backward();
      expect(await values(weight.grad)).toEqual([n]);
      expect(await values(bias.grad)).toEqual([n]);
      expect(new Set(await values(x.grad))).toEqual(new Set([1]));
    });
  }

  const geometries = [
    { n: 2, h: 7, w: 5, ci: 3, co: 5, kh: 3, kw: 2, stride: 2, padding: [2, 1] },
    { n: 3, h: 4, w: 4, ci: 12, co: 20, kh: 3, kw: 3, stride: 1, padding: [1, 1] },
    // Rows and columns at the end that no window meets: their gradient is zero.
    { n: 1, h: 5, w: 6, ci: 4, co: 4, kh: 1, kw: 1, stride: 3, padding: [0, 0] },
    { n: 1, h: 2, w: 2, ci: 1, co: 1, kh: 2, kw: 2, stride: 2, padding: [1, 1] },
  ] as const;
  for (const geometry of geometries) {
    const { n, h, w, ci, co, kh, kw, stride, padding } = geometry;
    it(`${JSON.stringify(geometry)}: value and every gradient`, async () => {
      const shape = { n, h, w, ci, co, kh, kw, stride, paddingH: padding[0], paddingW: padding[1] };
      const [input, filter, offset] = [noise(n * h * w * ci, 1), noise(co * kh * kw * ci, 2), noise(co, 3)];
      const x = gpu.tensor(input, [n, h, w, ci], { requiresGrad: true });
      const weight = gpu.tensor(filter, [co, kh, kw, ci], { requiresGrad: true });
      const bias = gpu.tensor(offset, [co], { requiresGrad: true });
      const forward = conv2dForwardReference(input, filter, shape);
      leaveOldMemory(gpu, [forward.length, input.length, filter.length, co]);
      const y = conv2d(x, weight, { stride, padding, bias });
      expect(y.shape[3]).toBe(co);
      await expectClose(
        y,
        forward.map((value, k) => value + (offset[k % co] ?? 0)),
        kh * kw * ci + 1,
      );
      const dy = noise(y.size, 4);
      leaveOldMemory(gpu, [forward.length, input.length, filter.length, co]);
      dotLoss(y, dy).backward();
      await expectClose(x.grad, conv2dInputGradReference(dy, filter, shape), kh * kw * co);
      await expectClose(weight.grad, conv2dWeightGradReference(input, dy, shape), y.size / co);
      await expectClose(bias.grad, channelSumReference(dy, co), y.size / co);
    });
  }

  for (const groups of [1, 2, 4]) {
    for (const outputs of [5, 2]) {
      it(`keeps a NaN that no window meets out of the filter's gradient, ${groups} groups, ${outputs} windows`, async () => {
        // The last window ends before the last column.
        const columns = 2 * outputs + 1;
        const x = gpu.tensor(
          [...ones(4 * columns), ...Array<number>(4).fill(Number.NaN)],
          [1, 1, columns + 1, 4],
        );
        const weight = gpu.tensor(ones(48 / groups), [4, 1, 3, 4 / groups], { requiresGrad: true });
        dotLoss(conv2d(x, weight, { stride: 2, groups }), ones(4 * outputs)).backward();
        expect(new Set(await values(weight.grad))).toEqual(new Set([outputs]));
      });
    }
  }

  it("takes the same kernels for a dense convolution, however its options are written", async () => {
    const x = gpu.tensor(noise(2 * 9 * 7 * 8), [2, 9, 7, 8]);
    const weight = gpu.tensor(noise(12 * 9 * 8, 2), [12, 3, 3, 8]);
    const plainly = await values(conv2d(x, weight, { stride: 2, padding: 1 }));
    const options = { stride: [2, 2], padding: [1, 1], dilation: [1, 1], groups: 1 } as const;
    expect(await values(conv2d(x, weight, options))).toEqual(plainly);
  });

  it("is a layer with groups and dilation, too", () => {
    const layer = new nn.Conv2d(gpu, { in: 6, out: 9, size: 3, stride: [1, 2], dilation: 2, groups: 3 });
    expect(layer.weight.shape).toEqual([9, 3, 3, 2]);
    expect(layer.forward(gpu.zeros([1, 8, 9, 6])).shape).toEqual([1, 4, 3, 9]);
    expect(
      () => new nn.Conv2d(gpu, { in: 6, out: 9, size: 3, groups: 2 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [Conv2d] 'out / groups' must be a positive integer, but got 4.5]`,
    );
  });

  it("computes only the gradients that are needed", async () => {
    const x = gpu.tensor([1, 2, 3, 4], [1, 2, 2, 1]);
    const weight = gpu.tensor([1], [1, 1, 1, 1], { requiresGrad: true });
    dotLoss(conv2d(x, weight), ones(4)).backward();
    expect(await values(weight.grad)).toEqual([10]);
    expect(x.grad).toBeNull();
  });

  it("says what doesn't fit", () => {
    const x = gpu.zeros([32, 16, 16, 64]);
    const weight = gpu.zeros([128, 3, 3, 64]);
    const small = gpu.zeros([1, 2, 2, 64]);
    expect(() => conv2d(x, gpu.zeros([128, 3, 3, 32]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] 'weight' must have 64 input channels to match x [32, 16, 16, 64], but got [128, 3, 3, 32]; its layout is [Co, Kh, Kw, Ci], that of x [N, H, W, Ci]]`,
    );
    expect(() => conv2d(gpu.zeros([16, 16, 64]), weight)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] 'x' must be [N, H, W, Ci], but got [16, 16, 64]; reshape it]`,
    );
    expect(() => conv2d(x, gpu.zeros([128, 64]))).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] 'weight' must be [Co, Kh, Kw, Ci], but got [128, 64]; reshape it]`,
    );
    expect(() => conv2d(x, weight, { stride: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] 'stride' must be a positive integer or two of them, but got 0]`,
    );
    expect(() => conv2d(x, weight, { stride: 1.5 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] 'stride' must be a positive integer or two of them, but got 1.5]`,
    );
    expect(() => conv2d(x, weight, { padding: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] 'padding' must be a non-negative integer or two of them, but got -1]`,
    );
    expect(() => conv2d(x, weight, { padding: [1, Number.NaN] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] 'padding' must be a non-negative integer or two of them, but got [1, NaN]]`,
    );
    expect(() => conv2d(small, weight)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] the 3x3 window of 'weight' [128, 3, 3, 64] is larger than x [1, 2, 2, 64] padded to 2x2: there is no output; use more padding or a smaller window]`,
    );
    expect(() => conv2d(small, weight, { padding: [0, 1] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] the 3x3 window of 'weight' [128, 3, 3, 64] is larger than x [1, 2, 2, 64] padded to 2x4: there is no output; use more padding or a smaller window]`,
    );
    expect(() => conv2d(x, weight, { bias: gpu.zeros([64]) })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] 'bias' must be [128], one value an output channel of 'weight' [128, 3, 3, 64], but got [64]]`,
    );
    expect(() => conv2d(x, weight, { bias: gpu.zeros([128, 1]) })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] 'bias' must be [128], one value an output channel of 'weight' [128, 3, 3, 64], but got [128, 1]]`,
    );
    expect(() => conv2d(x, weight, { dilation: [0, 1] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] 'dilation' must be a positive integer or two of them, but got [0, 1]]`,
    );
    expect(() => conv2d(x, weight, { padding: 6, dilation: 14 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] the 3x3 window of 'weight' [128, 3, 3, 64], dilated to 29x29, is larger than x [32, 16, 16, 64] padded to 28x28: there is no output; use more padding or a smaller window]`,
    );
    expect(() => conv2d(x, weight, { groups: 3 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] 'groups' must be a positive integer that divides the 64 channels of x [32, 16, 16, 64] and the 128 of 'weight' [128, 3, 3, 64], but got 3]`,
    );
    expect(() => conv2d(x, weight, { groups: 64 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] 'weight' must have 1 input channels to match x [32, 16, 16, 64] in 64 groups, but got [128, 3, 3, 64]; its layout is [Co, Kh, Kw, Ci / groups], that of x [N, H, W, Ci]]`,
    );
    const labels = gpu.tensor(new Int32Array(4), [1, 2, 2, 1]);
    expect(() => conv2d(labels, weight)).toThrowErrorMatchingInlineSnapshot(
      `[Error: [conv2d] 'x' must be f32, but got i32]`,
    );
  });
});
