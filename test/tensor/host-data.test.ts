/** What `gpu.tensor` makes of host data. */
import { describe, expect, it } from "vitest";
import { add, nn, softmaxCrossEntropy, type Tensor } from "wgrad";
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

  it("takes memory that is shared with workers, as all that takes host data", async () => {
    // Typed as users' own functions are: `Float32Array` alone may be in shared memory.
    // From WebAssembly, since a page has no SharedArrayBuffer unless it's isolated.
    const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    expect(buffer).not.toBeInstanceOf(ArrayBuffer);
    const values: Float32Array = new Float32Array(buffer, 8, 2);
    const labels: Int32Array = new Int32Array(buffer, 0, 1);
    values.set([1, 2]);
    const x = gpu.tensor(values, [1, 2]);
    expect([...(await x.data())]).toEqual([1, 2]);
    labels[0] = 1;
    expect(await softmaxCrossEntropy(x, labels).item()).toBeCloseTo(Math.log(1 + Math.exp(-1)), 6);
    values[0] = 5;
    x.write(values);
    expect([...(await x.data())]).toEqual([5, 2]);
    const twice = gpu.record((a: Tensor) => add(a, a));
    expect([...(await twice(values).data())]).toEqual([10, 4]);
    const file = nn.encodeSafetensors({ x: { shape: [2], data: values } });
    expect(nn.decodeSafetensors(file).tensors.x?.data).toEqual(Float32Array.of(5, 2));
    const model = new nn.Linear(gpu, { in: 2, out: 1, bias: false });
    model.loadStateDict({ weight: { shape: [1, 2], data: values } });
    expect([...(await model.weight.data())]).toEqual([5, 2]);
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
