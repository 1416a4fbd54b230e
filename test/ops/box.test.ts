/** Slices, joins, borders and places of maxima: which elements, of which type, and what is refused. */
import { describe, expect, it } from "vitest";
import { argmax, concat, pad, slice, type Tensor } from "wgrad";
import { gpu } from "../support/gpu.ts";

const counted = (...shape: number[]) => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return gpu.tensor(
    Float32Array.from({ length: size }, (_, k) => k),
    shape,
  );
};
const read = async (x: Tensor) => ({ shape: x.shape, dtype: x.dtype, data: [...(await x.data())] });

describe("slice", () => {
  it("takes from start to end, counted from the end where negative", async () => {
    const x = counted(3, 4);
    expect(await read(slice(x, [1]))).toEqual({
      shape: [2, 4],
      dtype: "f32",
      data: [4, 5, 6, 7, 8, 9, 10, 11],
    });
    expect((await read(slice(x, [0, 1], [2, -1]))).data).toEqual([1, 2, 5, 6]);
    expect((await read(slice(x, [-1, -2]))).data).toEqual([10, 11]);
    expect((await read(slice(x, [], [1]))).data).toEqual([0, 1, 2, 3]);
  });

  it("keeps the bits of integers", async () => {
    const x = gpu.tensor(Int32Array.of(1, -2, 3, 2 ** 31 - 1), [4]);
    expect(await read(slice(x, [1]))).toEqual({ shape: [3], dtype: "i32", data: [-2, 3, 2 ** 31 - 1] });
  });

  it("refuses what isn't there", () => {
    const x = counted(3, 4);
    expect(() => slice(x, [3])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [slice] 'start' and 'end' must be indices within x [3, 4] with something between them, but got [3] and []]`,
    );
    expect(() => slice(x, [0, 2], [3, 2])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [slice] 'start' and 'end' must be indices within x [3, 4] with something between them, but got [0, 2] and [3, 2]]`,
    );
    expect(() => slice(x, [0.5])).toThrow("[slice]");
    expect(() => slice(x, [-4])).toThrow("[slice]");
    expect(() => slice(x, [0, 0, 0])).toThrow("[slice]");
  });
});

describe("concat", () => {
  it("joins along any axis, and keeps the type", async () => {
    const [a, b] = [counted(2, 2), counted(2, 1)];
    expect(await read(concat([a, b], { axis: -1 }))).toEqual({
      shape: [2, 3],
      dtype: "f32",
      data: [0, 1, 0, 2, 3, 1],
    });
    const labels = [Int32Array.of(7), Int32Array.of(-1, 3)].map((part) => gpu.tensor(part));
    expect(await read(concat(labels))).toEqual({ shape: [3], dtype: "i32", data: [7, -1, 3] });
    expect((await read(concat([a]))).data).toEqual([0, 1, 2, 3]);
  });

  it("refuses tensors that don't fit", () => {
    const a = counted(2, 2);
    expect(() => concat([])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [concat] 'tensors' must hold at least one tensor, but is empty]`,
    );
    expect(() => concat([a, counted(2, 3)])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [concat] 'tensors[1]' must be f32 like the first and have its shape [2, 2] but for axis 0, but is f32 [2, 3]]`,
    );
    expect(() => concat([a, gpu.tensor(new Int32Array(4), [2, 2])])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [concat] 'tensors[1]' must be f32 like the first and have its shape [2, 2] but for axis 0, but is i32 [2, 2]]`,
    );
    expect(() => concat([a, a], { axis: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [concat] 'axis' must name different axes of [2, 2], but got [2]]`,
    );
  });
});

describe("pad", () => {
  it("puts a border of a value around", async () => {
    expect(
      await read(
        pad(
          counted(2, 2),
          [
            [1, 0],
            [0, 1],
          ],
          { value: -1 },
        ),
      ),
    ).toEqual({ shape: [3, 3], dtype: "f32", data: [-1, -1, -1, 0, 1, -1, 2, 3, -1] });
    expect((await read(pad(counted(2), [[1, 2]]))).data).toEqual([0, 0, 1, 0, 0]);
  });

  it("refuses widths that aren't counts", () => {
    expect(() => pad(counted(2), [[-1, 0]])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [pad] 'widths' must be [before, after], 0 or more, for the axes of x [2], but got [[-1,0]]]`,
    );
    expect(() =>
      pad(counted(2), [
        [0, 0],
        [1, 1],
      ]),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: [pad] 'widths' must be [before, after], 0 or more, for the axes of x [2], but got [[0,0],[1,1]]]`,
    );
    expect(() => pad(gpu.tensor(new Int32Array(2)), [[1, 1]])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [pad] 'x' must be an f32 tensor, but got tensor [2] of i32; make it from a Float32Array]`,
    );
  });
});

describe("argmax", () => {
  it("finds the first maximum along an axis, or of all", async () => {
    const x = gpu.tensor([3, 9, 2, 9, 9, 1], [2, 3]);
    expect(await read(argmax(x, { axis: 1 }))).toEqual({ shape: [2], dtype: "i32", data: [1, 0] });
    expect((await read(argmax(x, { axis: 0, keepDims: true }))).shape).toEqual([1, 3]);
    expect((await read(argmax(x, { axis: -2 }))).data).toEqual([1, 0, 0]);
    expect(await read(argmax(x))).toEqual({ shape: [], dtype: "i32", data: [1] });
  });

  it("takes NaN for the largest, and long axes", async () => {
    const x = Float32Array.from({ length: 3000 }, (_, k) => (k === 2345 ? Number.NaN : k));
    expect((await read(argmax(gpu.tensor(x, [1, 3000, 1]), { axis: 1 }))).data).toEqual([2345]);
  });

  it("refuses an axis that isn't there", () => {
    expect(() => argmax(counted(2, 2), { axis: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[Error: [argmax] 'axis' must name different axes of [2, 2], but got [2]]`,
    );
  });
});
