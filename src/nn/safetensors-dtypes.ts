/** The element types of a safetensors file, and how they become the three that tensors have here. */
import type { HostArray } from "../tensor/tensor.ts";
import { halvesToFloats } from "./half.ts";
import { refusal } from "./safetensors-error.ts";

/** Types that are read; the format's types of less than 16 bits for floats, and its complex one, aren't. */
export type SafetensorsType = keyof typeof elementBytes;

/** Bytes of an element. In the order in which the format's own writer puts tensors: so each is aligned. */
export const elementBytes = {
  U64: 8,
  I64: 8,
  F64: 8,
  F32: 4,
  U32: 4,
  I32: 4,
  BF16: 2,
  F16: 2,
  U16: 2,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

export function isSafetensorsType(name: unknown): name is SafetensorsType {
  return typeof name === "string" && Object.hasOwn(elementBytes, name);
}

/**
 * @param buffer the tensor's bytes and no others, little-endian as all machines with WebGPU are
 * @throws SafetensorsError for a 64-bit integer that 32 bits can't hold
 */
export function decodeElements(name: string, dtype: SafetensorsType, buffer: ArrayBuffer): HostArray {
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer);
    case "F64":
      return Float32Array.from(new Float64Array(buffer));
    case "F16":
      return halvesToFloats(new Uint16Array(buffer));
    case "BF16":
      return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (half) => half << 16).buffer);
    case "I32":
      return new Int32Array(buffer);
    case "I16":
      return Int32Array.from(new Int16Array(buffer));
    case "I8":
      return Int32Array.from(new Int8Array(buffer));
    case "I64":
      return Int32Array.from(narrowed(name, new BigInt64Array(buffer), (value) => BigInt.asIntN(32, value)));
    case "U32":
      return new Uint32Array(buffer);
    case "U16":
      return Uint32Array.from(new Uint16Array(buffer));
    case "U64":
      return Uint32Array.from(
        narrowed(name, new BigUint64Array(buffer), (value) => BigInt.asUintN(32, value)),
      );
    case "U8":
      return Uint32Array.from(new Uint8Array(buffer));
    case "BOOL":
      return Uint32Array.from(new Uint8Array(buffer), (byte) => Math.min(byte, 1));
  }
}

function narrowed(
  name: string,
  values: BigInt64Array | BigUint64Array,
  narrow: (value: bigint) => bigint,
): number[] {
  return Array.from(values, (value, k) => {
    if (narrow(value) === value) return Number(value);
    throw refusal(
      `'${name}' holds ${value} at element ${k}, which 32 bits can't hold: save it as F32 or I32`,
    );
  });
}
