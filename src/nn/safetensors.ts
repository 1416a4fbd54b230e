/**
 * Models as `.safetensors`, the format that PyTorch's and others' weights come in: a u64 with the header's length, a header of
 * JSON (name -> dtype, shape, byte range), the elements, all little-endian.
 *
 * Source: https://github.com/huggingface/safetensors, README, "Format". It has no checksum and holds strings beside tensors only:
 * snapshots of a run are a format of their own.
 */
import { kindOf } from "../tensor/kind.ts";
import { formatShape, type Shape, sizeOf } from "../tensor/shape.ts";
import type { HostArray, HostData } from "../tensor/tensor.ts";
import { floatsToHalves } from "./half.ts";
import { decodeElements, elementBytes, type SafetensorsType } from "./safetensors-dtypes.ts";
import { refusal } from "./safetensors-error.ts";
import { headerLimit, isStrings, metadataKey, preludeBytes, readHeader } from "./safetensors-header.ts";

/** What is written: floats as F32 or F16, the others as I32, U32 and U8. */
export interface SafetensorsInput {
  readonly shape: Shape;
  readonly data: HostData | Uint8Array;
}

/** What `encodeSafetensors` writes beside the tensors, and how it stores floats. */
export interface EncodeSafetensorsOptions {
  /** Strings that go along, such as the model's configuration. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How floats are stored: for all tensors, or by name and shape. F32 by default; F16 is rounded to nearest, ties to even. */
  readonly dtype?: FloatType | ((name: string, shape: Shape) => FloatType);
}
type FloatType = "F32" | "F16";

const order = Object.keys(elementBytes);

/** What was read: `data` is row-major. */
export interface SafetensorsTensor {
  /** In the file. */
  readonly dtype: SafetensorsType;
  readonly shape: Shape;
  readonly data: HostArray;
}

/** What `decodeSafetensors` gives. */
export interface SafetensorsContent {
  /** Empty where the file has none. */
  readonly metadata: Record<string, string>;
  /** By name, in the order of the file's data. `module.loadStateDict` takes them. */
  readonly tensors: Record<string, SafetensorsTensor>;
}

/**
 * The bytes of a `.safetensors` file, the same that Python's `safetensors` writes: sorted by type, wider elements first, then by name.
 * @param tensors by name; what `await tensor.data()` gives, with its shape
 * @throws SafetensorsError for data that doesn't fill its shape, the name `__metadata__`, metadata that isn't strings, or a finite value
 *   that F16 can't hold (65520 or more)
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, SafetensorsInput>>,
  { metadata, dtype = "F32" }: EncodeSafetensorsOptions = {},
): Uint8Array<ArrayBuffer> {
  if (metadata !== undefined && !isStrings(metadata))
    throw refusal("'metadata' must map strings to strings: make others strings by JSON.stringify");
  const parts = Object.entries(tensors)
    .map(([name, { shape, data }]) => {
      if (name === metadataKey)
        throw refusal(`no tensor can be named '${name}': the format has that for metadata`);
      const float = typeof dtype === "string" ? dtype : dtype(name, shape);
      const kept = stored(name, data, float);
      if (data.length !== sizeOf(shape))
        throw refusal(
          `'${name}' ${formatShape(shape)} must have ${sizeOf(shape)} elements, but got ${data.length}`,
        );
      return { name, shape, ...kept };
    })
    .sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type) || (a.name < b.name ? -1 : 1));

  let end = 0;
  const fields = parts.map(({ name, shape, type, elements }) => {
    const begin = end;
    end += elements.byteLength;
    return [name, { dtype: type, shape, data_offsets: [begin, end] }];
  });
  const whole = Object.fromEntries([...(metadata ? [[metadataKey, metadata]] : []), ...fields]);
  const header = new TextEncoder().encode(JSON.stringify(whole));
  const headerBytes = Math.ceil(header.length / 8) * 8;
  if (headerBytes > headerLimit)
    throw refusal(`the header takes ${headerBytes} bytes, more than ${headerLimit}`);
  const start = preludeBytes + headerBytes;
  const file = new Uint8Array(start + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, preludeBytes, start).set(header, preludeBytes);
  let at = start;
  for (const { elements } of parts) {
    file.set(new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength), at);
    at += elements.byteLength;
  }
  return file;
}

/**
 * Reads a `.safetensors` file. F32, F16, BF16 and F64 become a Float32Array (F64 is rounded to nearest, the others are exact);
 * I8, I16, I32 and I64 an Int32Array; U8, U16, U32, U64 and BOOL (0 or 1) an Uint32Array.
 * @throws SafetensorsError that names what is wrong and what to do: a header that is cut off, too long or no JSON object, keys that
 *   appear twice, ranges that are outside of the file, overlap, leave bytes over or don't fit the shape, other dtypes, 64-bit integers
 *   that 32 bits can't hold
 */
export function decodeSafetensors(file: Uint8Array): SafetensorsContent {
  const { metadata, entries, bytes } = readHeader(file);
  const tensors = Object.fromEntries(
    entries.map(({ name, dtype, shape, begin, end }) => {
      // A copy: aligned, and free of the file's memory.
      const elements = new Uint8Array(file.subarray(bytes + begin, bytes + end));
      return [name, { dtype, shape, data: decodeElements(name, dtype, elements.buffer) }];
    }),
  );
  return { metadata, tensors };
}

function stored(name: string, data: HostData | Uint8Array, float: FloatType) {
  if (data instanceof Int32Array) return { type: "I32", elements: data } as const;
  if (data instanceof Uint32Array) return { type: "U32", elements: data } as const;
  if (data instanceof Uint8Array) return { type: "U8", elements: data } as const;
  if (!(data instanceof Float32Array))
    throw refusal(
      `'${name}' must be a Float32Array, Int32Array, Uint32Array or Uint8Array, but got ${kindOf(data)}: convert it, or await a tensor's data()`,
    );
  if (float === "F32") return { type: "F32", elements: data } as const;
  const large = data.find((value) => Math.abs(value) >= 65520 && Number.isFinite(value));
  if (large !== undefined)
    throw refusal(`'${name}' holds ${large}, but the greatest F16 is 65504: store it as F32`);
  return { type: "F16", elements: floatsToHalves(data) } as const;
}
