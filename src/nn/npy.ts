/**
 * NumPy's `.npy`: a magic word, a Python dictionary with type, order and shape, the elements. Floats only, little-endian; pickled objects are refused,
 * never run. Format: numpy/lib/format.py, versions 1 to 3.
 */
import type { Shape } from "../tensor/shape.ts";
import { sizeOf } from "../tensor/shape.ts";
import { halvesToFloats } from "./half.ts";

/** Bytes before the elements, at most, of what NumPy writes for arrays of a few axes. */
export const npyHeaderBytes = 4096;

export interface NpyArray {
  readonly shape: Shape;
  /** How many elements lie between neighbours along each axis. */
  readonly strides: readonly number[];
  /** In the file's order; float64 is rounded. */
  readonly data: Float32Array<ArrayBuffer>;
}

const decoders: Readonly<
  Record<
    string,
    { readonly bytes: number; readonly decode: (buffer: ArrayBuffer) => Float32Array<ArrayBuffer> }
  >
> = {
  "<f2": { bytes: 2, decode: (buffer) => halvesToFloats(new Uint16Array(buffer)) },
  "<f4": { bytes: 4, decode: (buffer) => new Float32Array(buffer) },
  "<f8": { bytes: 8, decode: (buffer) => Float32Array.from(new Float64Array(buffer)) },
};

const dictionary =
  /^\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \(((?:\d+L?, ?)*(?:\d+L?)?)\), *\}\s*$/;

/** @param name what errors call it @throws Error for what is no such array, other types, or another number of elements than the shape's */
export function decodeNpy(op: string, name: string, file: Uint8Array<ArrayBuffer>): NpyArray {
  const fail = (problem: string) => new Error(`[${op}] '${name}' ${problem}`);
  const isMagic = [0x93, ...new TextEncoder().encode("NUMPY")].every((byte, k) => file[k] === byte);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (!isMagic || file.length < 12) throw fail("is no .npy array: save it by numpy.savez");
  const lengthBytes = view.getUint8(6) === 1 ? 2 : 4;
  const start = 8 + lengthBytes;
  const end = start + (lengthBytes === 2 ? view.getUint16(8, true) : view.getUint32(8, true));
  const found = dictionary.exec(
    new TextDecoder().decode(file.subarray(start, Math.min(end, npyHeaderBytes))),
  );
  if (!found) throw fail("has a header that NumPy wouldn't write: save it by numpy.savez");
  const [, type = "", isFortran, extents = ""] = found;
  const shape = (extents.match(/\d+/g) ?? []).map(Number);
  const decoder = Object.hasOwn(decoders, type) ? decoders[type] : undefined;
  if (!decoder)
    throw fail(
      `holds '${type}', but only ${Object.keys(decoders).join(", ")} can be read: save it as float32`,
    );
  const body = new Uint8Array(file.subarray(end));
  if (body.length !== decoder.bytes * sizeOf(shape))
    throw fail(
      `has ${body.length} bytes, but (${extents}) of ${type} takes ${decoder.bytes * sizeOf(shape)}`,
    );
  const axes = shape.map((_, axis) => axis);
  const strides = axes.map((axis) =>
    sizeOf(isFortran === "True" ? shape.slice(0, axis) : shape.slice(axis + 1)),
  );
  return { shape, strides, data: decoder.decode(body.buffer) };
}

/** The same array, row-major, with its axes in another order. */
export function permuted(
  { shape, strides, data }: NpyArray,
  order: readonly number[],
): Omit<NpyArray, "strides"> {
  const extents = order.map((axis) => shape[axis] ?? 1);
  const steps = order.map((axis) => strides[axis] ?? 0);
  const values = new Float32Array(data.length);
  const index = extents.map(() => 0);
  let from = 0;
  for (let k = 0; k < values.length; k++) {
    values[k] = data[from] ?? 0;
    // On to the next element: the last axis first, with a carry.
    for (let axis = extents.length - 1; axis >= 0; axis--) {
      const [step = 0, extent = 1] = [steps[axis], extents[axis]];
      const next = (index[axis] ?? 0) + 1;
      from += step;
      if (next < extent) {
        index[axis] = next;
        break;
      }
      index[axis] = 0;
      from -= step * extent;
    }
  }
  return { shape: extents, data: values };
}
