/** What `gpu.tensor` makes of host data. */
import { describe, expect, it } from "vitest";
import { gpu } from "../support/gpu.ts";

describe("gpu.tensor", () => {
  it.each([Float32Array, Float64Array, Uint8Array, Uint8ClampedArray, Int8Array, Int16Array, Uint16Array])(
    "converts the values of a %o to f32",
    async (ArrayType) => {
      const x = gpu.tensor(new ArrayType([1, 2, 100]));
      expect(x.dtype).toBe("f32");
      expect(await x.data()).toEqual(new Float32Array([1, 2, 100]));
    },
  );

  it("keeps integers of 32 bits what they are", async () => {
    expect(await gpu.tensor(new Int32Array([-1, 2 ** 24 + 1])).data()).toEqual(
      new Int32Array([-1, 2 ** 24 + 1]),
    );
    expect(await gpu.tensor(new Uint32Array([2 ** 32 - 1])).data()).toEqual(new Uint32Array([2 ** 32 - 1]));
  });

  it("has no tensors of nothing", () => {
    expect(() => gpu.zeros([0, 3])).toThrowErrorMatchingInlineSnapshot(
      `[Error: [zeros] 'shape' must hold positive integers, but got [0, 3]]`,
    );
  });

  it("refuses what holds no numbers", () => {
    const message = (data: unknown) => {
      try {
        Reflect.apply(gpu.tensor, gpu, [data]);
      } catch (error) {
        return (error as Error).message;
      }
      return "nothing was thrown";
    };
    expect([
      message([
        [1, 2],
        [3, 4],
      ]),
      message(new BigInt64Array(2)),
      message("12"),
      message([]),
    ]).toMatchInlineSnapshot(`
      [
        "[tensor] 'data' must hold numbers, not objects; flatten nested arrays, row-major",
        "[tensor] 'data' must hold numbers, not bigints; flatten nested arrays, row-major",
        "[tensor] 'data' must hold numbers, not strings; flatten nested arrays, row-major",
        "[tensor] 'shape' must hold positive integers, but got [0]",
      ]
    `);
  });
});
