/** Files of Python's `safetensors`: read, and written alike. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { nn } from "wgrad";

const fixture = (name: string) => readFileSync(new URL(`safetensors/${name}.safetensors`, import.meta.url));

describe("decodeSafetensors", () => {
  test("reads what Python wrote", () => {
    const { metadata, tensors } = nn.decodeSafetensors(fixture("all-types"));
    expect(metadata).toEqual({ "written by": "Python" });
    const values = ({ shape, data }: nn.SafetensorsTensor) => ({ shape, data });
    const read = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, values(tensor)]));
    expect(read).toEqual({
      F64: { shape: [1, 2], data: Float32Array.of(0.1, -1e-3) },
      F32: { shape: [2], data: Float32Array.of(0.1, Number.POSITIVE_INFINITY) },
      F16: { shape: [3], data: Float32Array.of(0.0999755859375, 2 ** -24, -65504) },
      BF16: { shape: [2], data: Float32Array.of(0.333984375, -(2 ** -133)) },
      I64: { shape: [], data: Int32Array.of(-5) },
      I32: { shape: [1], data: Int32Array.of(-5) },
      I16: { shape: [1], data: Int32Array.of(-5) },
      I8: { shape: [1], data: Int32Array.of(-5) },
      U64: { shape: [1], data: Uint32Array.of(5) },
      U32: { shape: [1], data: Uint32Array.of(2 ** 32 - 1) },
      U16: { shape: [1], data: Uint32Array.of(65535) },
      U8: { shape: [1], data: Uint32Array.of(255) },
      BOOL: { shape: [3], data: Uint32Array.of(1, 0, 1) },
      empty: { shape: [2, 0], data: new Float32Array(0) },
    });
  });
});

describe("encodeSafetensors", () => {
  test("writes byte for byte what Python does", () => {
    const sevenths = (length: number) => Float32Array.from({ length }, (_, k) => k / 7);
    const ours = nn.encodeSafetensors(
      {
        "stage1.0.conv.weight": { shape: [2, 3, 3, 3], data: sevenths(54) },
        "stage1.0.norm.gamma": { shape: [2], data: Float32Array.of(1.5, -2) },
        half: { shape: [5], data: sevenths(5) },
        count: { shape: [], data: Int32Array.of(-3) },
        labels: { shape: [2], data: Uint32Array.of(0, 2 ** 32 - 1) },
        bytes: { shape: [3], data: Uint8Array.of(1, 2, 255) },
        empty: { shape: [0, 3], data: new Float32Array(0) },
        'ä "name"': { shape: [1], data: Float32Array.of(0.5) },
      },
      { metadata: { model: 'vgg "1"' }, dtype: (name) => (name === "half" ? "F16" : "F32") },
    );
    expect(Buffer.from(ours).equals(fixture("types-we-write"))).toBe(true);
  });
});
