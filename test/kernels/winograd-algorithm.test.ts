/** Winograd's algorithms compute what they should: exactly the correlation with three taps, and its two gradients. */
import { describe, expect, it } from "vitest";
import {
  chooseAlgorithm,
  type Matrix,
  tileAlgorithms,
  transpose,
} from "../../src/kernels/conv2d/winograd/algorithm.ts";

const times = (matrix: Matrix, values: readonly number[]) =>
  matrix.map((row) => row.reduce((sum, value, k) => sum + value * (values[k] ?? 0), 0));
const products = (a: readonly number[], b: readonly number[]) => a.map((value, k) => value * (b[k] ?? 0));
const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 10));

const shape = (extent: number, padding = 1, size = 3, stride = 1) => ({
  ...{ n: 1, h: extent, w: extent, ci: 32, co: 32, kh: size, kw: size },
  ...{ stride, paddingH: padding, paddingW: padding },
});

describe("Winograd's algorithms", () => {
  for (const algorithm of tileAlgorithms) {
    const { name, input, weight, output, inputs, outputs, firstInput } = algorithm;
    const x = Array.from({ length: inputs }, (_, k) => Math.sin(k + 1));
    const w = [0.7, -1.3, 0.4];
    const dy = Array.from({ length: outputs }, (_, k) => Math.cos(3 * k));
    /** Calls `visit` for each output, tap and the input that they meet. */
    const forEachTap = (visit: (output: number, tap: number, input: number) => void) => {
      for (let o = 0; o < outputs; o++)
        for (let tap = 0; tap < 3; tap++) {
          const i = o + tap - firstInput;
          if (i >= 0 && i < inputs) visit(o, tap, i);
        }
    };

    it(`${name}: outputs`, () => {
      const y = new Array<number>(outputs).fill(0);
      forEachTap((o, tap, i) => {
        y[o] = (y[o] ?? 0) + (x[i] ?? 0) * (w[tap] ?? 0);
      });
      expect(times(output, products(times(weight, w), times(input, x)))).toEqual(near(y));
    });

    it(`${name}: input gradient, transposed`, () => {
      const dx = new Array<number>(inputs).fill(0);
      forEachTap((o, tap, i) => {
        dx[i] = (dx[i] ?? 0) + (dy[o] ?? 0) * (w[tap] ?? 0);
      });
      const points = products(times(weight, w), times(transpose(output), dy));
      expect(times(transpose(input), points)).toEqual(near(dx));
    });

    it(`${name}: filter gradient, transposed`, () => {
      const dw = [0, 0, 0];
      forEachTap((o, tap, i) => {
        dw[tap] = (dw[tap] ?? 0) + (dy[o] ?? 0) * (x[i] ?? 0);
      });
      const points = products(times(input, x), times(transpose(output), dy));
      expect(times(transpose(weight), points)).toEqual(near(dw));
    });
  }

  it("are chosen by the fewest products for an image", () => {
    const names = [32, 31, 30, 16, 15, 14, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1].map(
      (extent) => chooseAlgorithm(shape(extent))?.name,
    );
    expect(names.join(" ")).toBe("f4 f4 f5 f4 f5 f5 f5 f5 f4 f4 f3 f5 f4 f3 pair f2");
    expect(chooseAlgorithm(shape(4, 0))?.name).toBe("f2");
    expect(chooseAlgorithm(shape(2, 2))?.name).toBe("f4"); // four outputs
  });

  it("serve no other window or stride", () => {
    expect(chooseAlgorithm(shape(8, 0, 1))).toBeUndefined();
    expect(chooseAlgorithm(shape(8, 2, 5))).toBeUndefined();
    expect(chooseAlgorithm(shape(8, 1, 3, 2))).toBeUndefined();
  });
});
