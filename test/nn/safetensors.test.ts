/** `.safetensors` in and out; what a file from a stranger may promise (CASES.md 10). */
import { beforeAll, describe, expect, test } from "vitest";
import { createGpu, type Gpu, nn } from "wgrad";

const { encodeSafetensors, decodeSafetensors, SafetensorsError } = nn;

/** A file of this header, a string or an object, and these bytes of data. */
function fileOf(header: unknown, data: ArrayLike<number> = [], length?: bigint): Uint8Array<ArrayBuffer> {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const bytes = new TextEncoder().encode(text);
  const file = new Uint8Array(8 + bytes.length + data.length);
  new DataView(file.buffer).setBigUint64(0, length ?? BigInt(bytes.length), true);
  file.set(bytes, 8);
  file.set(data, 8 + bytes.length);
  return file;
}
const tensor = (dtype: string, shape: unknown, data_offsets: unknown) => ({ dtype, shape, data_offsets });
const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** The message of the SafetensorsError that reading throws. */
function complaint(file: Uint8Array): string {
  try {
    decodeSafetensors(file);
  } catch (error) {
    expect(error).toBeInstanceOf(SafetensorsError);
    return error instanceof Error ? error.message : "";
  }
  return "no error";
}

describe("encodeSafetensors", () => {
  test("writes a header padded to 8 bytes, sorted by type and name, metadata beside them", () => {
    const file = encodeSafetensors(
      {
        bytes: { shape: [3], data: Uint8Array.of(7, 8, 9) },
        weight: { shape: [1, 2], data: Float32Array.of(1, -2) },
        count: { shape: [], data: Int32Array.of(-5) },
      },
      { metadata: { model: "vgg" } },
    );
    const length = Number(new DataView(file.buffer).getBigUint64(0, true));
    const header = new TextDecoder().decode(file.subarray(8, 8 + length));
    expect(length % 8).toBe(0);
    expect(header).toMatch(/^\{.*\} *$/);
    expect(JSON.parse(header)).toEqual({
      __metadata__: { model: "vgg" },
      weight: tensor("F32", [1, 2], [0, 8]),
      count: tensor("I32", [], [8, 12]),
      bytes: tensor("U8", [3], [12, 15]),
    });
    expect([...file.subarray(8 + length)]).toEqual([
      0, 0, 128, 63, 0, 0, 0, 192, 251, 255, 255, 255, 7, 8, 9,
    ]);
  });

  test("stores floats as F16 where it's told to", () => {
    const tensors = {
      weight: { shape: [2, 1], data: Float32Array.of(0.1, 65_504) },
      beta: { shape: [1], data: Float32Array.of(0.1) },
      labels: { shape: [1], data: Uint32Array.of(70_000) },
    };
    const types = (file: Uint8Array) =>
      Object.entries(decodeSafetensors(file).tensors).map(([name, { dtype, data }]) => [
        name,
        dtype,
        ...data,
      ]);
    expect(types(encodeSafetensors(tensors, { dtype: "F16" }))).toEqual([
      ["labels", "U32", 70_000],
      ["beta", "F16", 0.0999755859375],
      ["weight", "F16", 0.0999755859375, 65_504],
    ]);
    const mixed = encodeSafetensors(tensors, { dtype: (_, shape) => (shape.length > 1 ? "F16" : "F32") });
    expect(types(mixed)).toEqual([
      ["beta", "F32", Math.fround(0.1)],
      ["labels", "U32", 70_000],
      ["weight", "F16", 0.0999755859375, 65_504],
    ]);
  });

  test("refuses what can't be written", () => {
    const one = { shape: [1], data: Float32Array.of(65_520) };
    const write =
      (...args: Parameters<typeof encodeSafetensors>) =>
      () =>
        encodeSafetensors(...args);
    expect(write({ w: { shape: [2, 3], data: one.data } })).toThrowErrorMatchingInlineSnapshot(
      `[SafetensorsError: [safetensors] 'w' [2, 3] must have 6 elements, but got 1]`,
    );
    expect(write({ __metadata__: one })).toThrowErrorMatchingInlineSnapshot(
      `[SafetensorsError: [safetensors] no tensor can be named '__metadata__': the format has that for metadata]`,
    );
    expect(write({ "conv.w": one }, { dtype: "F16" })).toThrowErrorMatchingInlineSnapshot(
      `[SafetensorsError: [safetensors] 'conv.w' holds 65520, but the greatest F16 is 65504: store it as F32]`,
    );
    const doubles: unknown = Float64Array.of(0.5);
    expect(
      write({ w: { shape: [1], data: doubles as Float32Array<ArrayBuffer> } }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[SafetensorsError: [safetensors] 'w' must be a Float32Array, Int32Array, Uint32Array or Uint8Array, but got Float64Array of 1: convert it, or await a tensor's data()]`,
    );
    const numbers: unknown = { epochs: 6 };
    const options = { metadata: numbers as Record<string, string> };
    expect(write({ w: one }, options)).toThrowErrorMatchingInlineSnapshot(
      `[SafetensorsError: [safetensors] 'metadata' must map strings to strings: make others strings by JSON.stringify]`,
    );
  });
});

describe("a round trip", () => {
  test("keeps names, shapes, bits, metadata and empty tensors", () => {
    const special = Float32Array.of(Number.NaN, -0, Number.NEGATIVE_INFINITY, 1e-45);
    const tensors = {
      "stage1.0.conv.weight": { shape: [2, 2], data: special },
      'a "quoted" \\ näme': { shape: [0, 4], data: new Float32Array(0) },
      labels: { shape: [2], data: Uint32Array.of(0, 2 ** 32 - 1) },
    };
    const metadata = { mean: "[0.5,0.4]", "": "empty key", 'q"': "line\nbreak" };
    const read = decodeSafetensors(encodeSafetensors(tensors, { metadata }));
    expect(read.metadata).toEqual(metadata);
    expect(Object.keys(read.tensors).sort()).toEqual(Object.keys(tensors).sort());
    for (const [name, { shape, data }] of Object.entries(tensors)) {
      expect(read.tensors[name]?.shape).toEqual(shape);
      expect([...bytesOf(read.tensors[name]?.data ?? data)]).toEqual([...bytesOf(data)]);
    }
  });

  test("of nothing is a file without tensors", () => {
    const read = decodeSafetensors(encodeSafetensors({}));
    expect(read).toEqual({ metadata: {}, tensors: {} });
  });

  test("__proto__ is a name like others", () => {
    const odd = Object.fromEntries([["__proto__", { shape: [1], data: Int32Array.of(4) }]]);
    const text =
      '{"__metadata__":{"__proto__":"x"},"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}';
    const read = decodeSafetensors(fileOf(text, [9]));
    expect(Object.entries(decodeSafetensors(encodeSafetensors(odd)).tensors)[0]?.[1].data).toEqual(
      Int32Array.of(4),
    );
    expect(Object.getPrototypeOf(read.tensors)).toBe(Object.prototype);
    expect([Object.keys(read.tensors), Object.keys(read.metadata)]).toEqual([["__proto__"], ["__proto__"]]);
    expect("dtype" in {}).toBe(false);
  });
});

describe("decodeSafetensors", () => {
  const elements: readonly [dtype: string, data: ArrayBufferView, values: ArrayLike<number>][] = [
    ["F64", Float64Array.of(0.1, 1e300), Float32Array.of(0.1, Number.POSITIVE_INFINITY)],
    ["F32", Float32Array.of(0.1, -0), Float32Array.of(0.1, -0)],
    ["F16", Uint16Array.of(0x3555, 0x8001), Float32Array.of(0.333251953125, -(2 ** -24))],
    ["BF16", Uint16Array.of(0x3eab, 0xff80), Float32Array.of(0.333984375, Number.NEGATIVE_INFINITY)],
    ["I64", BigInt64Array.of(-2147483648n, 5n), Int32Array.of(-2147483648, 5)],
    ["I32", Int32Array.of(-7, 8), Int32Array.of(-7, 8)],
    ["I16", Int16Array.of(-7, 8), Int32Array.of(-7, 8)],
    ["I8", Int8Array.of(-7, 8), Int32Array.of(-7, 8)],
    ["U64", BigUint64Array.of(4294967295n, 5n), Uint32Array.of(4294967295, 5)],
    ["U32", Uint32Array.of(4294967295, 8), Uint32Array.of(4294967295, 8)],
    ["U16", Uint16Array.of(65535, 8), Uint32Array.of(65535, 8)],
    ["U8", Uint8Array.of(255, 8), Uint32Array.of(255, 8)],
    ["BOOL", Uint8Array.of(2, 0), Uint32Array.of(1, 0)],
  ];

  test.each(elements)(
    "reads %s at any alignment, from a part of a larger buffer too",
    (dtype, data, values) => {
      for (const shift of [0, 1, 3]) {
        const header = {
          first: tensor("U8", [1], [0, 1]),
          x: tensor(dtype, [2], [1, 1 + data.byteLength]),
        };
        const file = fileOf(header, [42, ...bytesOf(data)]);
        const larger = new Uint8Array(file.length + 2 * shift);
        larger.set(file, shift);
        const read = decodeSafetensors(larger.subarray(shift, shift + file.length)).tensors.x;
        expect(read).toEqual({ dtype, shape: [2], data: values });
        expect(read?.data.buffer).not.toBe(larger.buffer);
      }
    },
  );

  test("reads header lengths that are no multiple of 8, tensors in any order, and fields it doesn't know", () => {
    const header = {
      b: tensor("U8", [2], [1, 3]),
      a: { ...tensor("I8", [1], [0, 1]), note: { dtype: "F32" } },
    };
    const read = decodeSafetensors(fileOf(`${JSON.stringify(header)}   `, [255, 2, 3]));
    expect(Object.entries(read.tensors).map(([name, { data }]) => [name, ...data])).toEqual([
      ["a", -1],
      ["b", 2, 3],
    ]);
  });

  const broken: readonly [what: string, file: Uint8Array][] = [
    [
      "more bytes declared than present",
      fileOf({ weight: tensor("F32", [1000, 1000], [0, 4]) }, [1, 2, 3, 4]),
    ],
    ["a range that ends before it begins", fileOf({ w: tensor("F32", [1], [4, 0]) }, [1, 2, 3, 4])],
    ["a range beyond the file", fileOf({ w: tensor("F32", [2], [0, 8]) }, [1, 2, 3, 4])],
    ["a negative offset", fileOf({ w: tensor("F32", [2], [-4, 0]) }, [1, 2, 3, 4])],
    ["a broken offset", fileOf({ w: tensor("F32", [1], [0.5, 4.5]) }, [1, 2, 3, 4])],
    ["three offsets", fileOf({ w: tensor("F32", [1], [0, 4, 8]) }, [1, 2, 3, 4])],
    ["a shape of 2^64 elements", fileOf({ w: tensor("F32", [2 ** 32, 2 ** 32], [0, 0]) })],
    ["an extent of 2^60", fileOf({ w: tensor("F32", [2 ** 60, 0], [0, 0]) })],
    [
      "tensors that overlap",
      fileOf({ a: tensor("U8", [3], [0, 3]), b: tensor("U8", [2], [2, 4]) }, [1, 2, 3, 4]),
    ],
    [
      "two tensors of the same bytes",
      fileOf({ a: tensor("U8", [1], [0, 1]), b: tensor("U8", [1], [0, 1]) }, [1]),
    ],
    ["a hole", fileOf({ a: tensor("U8", [1], [0, 1]), b: tensor("U8", [1], [2, 3]) }, [1, 2, 3])],
    ["bytes after the last tensor", fileOf({ a: tensor("U8", [1], [0, 1]) }, [1, 2, 3])],
    ["a file of seven bytes", new Uint8Array(7)],
    ["an empty file", new Uint8Array(0)],
    ["a header of 2^63 - 1 bytes", fileOf({}, [], 2n ** 63n - 1n)],
    ["a header of 100,000,001 bytes", fileOf({}, [], 100_000_001n)],
    ["a header longer than the file", fileOf({}, [], 3n)],
    ["a header of no bytes", fileOf("")],
    ["a list as header", fileOf("[]")],
    ["a number as header", fileOf("5")],
    ["a space before the header", fileOf(" {}")],
    ["a tab after the header", fileOf("{}\t")],
    ["a header that's cut off", fileOf('{"a":{}')],
    [
      "a header that isn't UTF-8",
      fileOf('{"?":1}'.replace("?", "\u00ff"), []).map((b) => (b === 0xc3 ? 0xff : b)),
    ],
    ["a tensor twice", fileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061" :{}}', [1])],
    ["a field twice", fileOf('{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}', [1])],
    ["metadata twice", fileOf('{"__metadata__":{"k":"1","k":"2"}}')],
    ["metadata of numbers", fileOf({ __metadata__: { epochs: 6 } })],
    ["metadata as a list", fileOf({ __metadata__: ["x"] })],
    ["null as metadata", fileOf({ __metadata__: null })],
    ["a dtype that isn't read", fileOf({ w: tensor("F8_E4M3", [1], [0, 1]) }, [1])],
    ["toString as dtype", fileOf({ w: tensor("toString", [1], [0, 1]) }, [1])],
    [
      "lists in lists",
      fileOf(`{"w":{"dtype":"U8","shape":${"[".repeat(20_000)}${"]".repeat(20_000)},"data_offsets":[0,0]}}`),
    ],
    ["objects in objects", fileOf(`{"w":${'{"w":'.repeat(20_000)}{}${"}".repeat(20_000)}}`)],
    ["a tensor that's null", fileOf({ w: null })],
    ["an I64 of 2^40", fileOf({ w: tensor("I64", [1], [0, 8]) }, bytesOf(BigInt64Array.of(2n ** 40n)))],
  ];

  test("refuses a broken file, and says what is wrong", () => {
    const complaints = broken.map(([what, file]) => `${what}: ${complaint(file)}`);
    expect(complaints).toMatchInlineSnapshot(`
      [
        "more bytes declared than present: [safetensors] 'weight', F32 [1000, 1000], takes 4,000,000 bytes, but its data_offsets [0, 4] hold 4 of the file's 4: the file is damaged or wasn't written whole; get it again",
        "a range that ends before it begins: [safetensors] 'w', F32 [1], takes 4 bytes, but its data_offsets [4, 0] hold 0 of the file's 4: the file is damaged or wasn't written whole; get it again",
        "a range beyond the file: [safetensors] 'w', F32 [2], takes 8 bytes, but its data_offsets [0, 8] hold 4 of the file's 4: the file is damaged or wasn't written whole; get it again",
        "a negative offset: [safetensors] 'w' must have a dtype, a shape and two data_offsets of whole numbers from 0 on, but got {"dtype":"F32","shape":[2],"data_offsets":[-4,0]}: the file is damaged or wasn't written whole; get it again",
        "a broken offset: [safetensors] 'w' must have a dtype, a shape and two data_offsets of whole numbers from 0 on, but got {"dtype":"F32","shape":[1],"data_offsets":[0.5,4.5]}: the file is damaged or wasn't written whole; get it again",
        "three offsets: [safetensors] 'w' must have a dtype, a shape and two data_offsets of whole numbers from 0 on, but got {"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}: the file is damaged or wasn't written whole; get it again",
        "a shape of 2^64 elements: [safetensors] 'w', F32 [4294967296, 4294967296], takes 73,786,976,294,838,210,000 bytes, but its data_offsets [0, 0] hold 0 of the file's 0: the file is damaged or wasn't written whole; get it again",
        "an extent of 2^60: [safetensors] 'w' must have a dtype, a shape and two data_offsets of whole numbers from 0 on, but got {"dtype":"F32","shape":[1152921504606847000,0],"data_offsets":[0,0]}: the file is damaged or wasn't written whole; get it again",
        "tensors that overlap: [safetensors] the data of 'a' and 'b' overlap at byte 2: the file is damaged or wasn't written whole; get it again",
        "two tensors of the same bytes: [safetensors] the data of 'a' and 'b' overlap at byte 0: the file is damaged or wasn't written whole; get it again",
        "a hole: [safetensors] bytes 1 to 2 of its data belong to no tensor: the file is damaged or wasn't written whole; get it again",
        "bytes after the last tensor: [safetensors] bytes 1 to 3 of its data belong to no tensor: the file is damaged or wasn't written whole; get it again",
        "a file of seven bytes: [safetensors] the file has 7 bytes, less than a header takes: the file is damaged or wasn't written whole; get it again",
        "an empty file: [safetensors] the file has 0 bytes, less than a header takes: the file is damaged or wasn't written whole; get it again",
        "a header of 2^63 - 1 bytes: [safetensors] its header would have 9,223,372,036,854,775,807 bytes, more than 100,000,000: it isn't a safetensors file",
        "a header of 100,000,001 bytes: [safetensors] its header would have 100,000,001 bytes, more than 100,000,000: it isn't a safetensors file",
        "a header longer than the file: [safetensors] its header has 3 bytes, but only 2 follow: the file is damaged or wasn't written whole; get it again",
        "a header of no bytes: [safetensors] its header isn't a JSON object, {...}, padded by spaces: it isn't a safetensors file",
        "a list as header: [safetensors] its header isn't a JSON object, {...}, padded by spaces: it isn't a safetensors file",
        "a number as header: [safetensors] its header isn't a JSON object, {...}, padded by spaces: it isn't a safetensors file",
        "a space before the header: [safetensors] its header isn't a JSON object, {...}, padded by spaces: it isn't a safetensors file",
        "a tab after the header: [safetensors] its header isn't a JSON object, {...}, padded by spaces: it isn't a safetensors file",
        "a header that's cut off: [safetensors] its header isn't JSON in UTF-8: the file is damaged or wasn't written whole; get it again",
        "a header that isn't UTF-8: [safetensors] its header isn't JSON in UTF-8: the file is damaged or wasn't written whole; get it again",
        "a tensor twice: [safetensors] its header has the key 'a' twice: which one is meant can't be known; write it again",
        "a field twice: [safetensors] its header has the key 'shape' twice: which one is meant can't be known; write it again",
        "metadata twice: [safetensors] its header has the key 'k' twice: which one is meant can't be known; write it again",
        "metadata of numbers: [safetensors] '__metadata__' must map strings to strings: write the file again, others as strings",
        "metadata as a list: [safetensors] '__metadata__' must map strings to strings: write the file again, others as strings",
        "null as metadata: [safetensors] '__metadata__' must map strings to strings: write the file again, others as strings",
        "a dtype that isn't read: [safetensors] 'w' has the dtype "F8_E4M3", but U64, I64, F64, F32, U32, I32, BF16, F16, U16, I16, I8, U8, BOOL can be read: save it as one of these",
        "toString as dtype: [safetensors] 'w' has the dtype "toString", but U64, I64, F64, F32, U32, I32, BF16, F16, U16, I16, I8, U8, BOOL can be read: save it as one of these",
        "lists in lists: [safetensors] its header nests deeper than 100: the file is damaged or wasn't written whole; get it again",
        "objects in objects: [safetensors] its header nests deeper than 100: the file is damaged or wasn't written whole; get it again",
        "a tensor that's null: [safetensors] 'w' must have a dtype, a shape and two data_offsets of whole numbers from 0 on, but got null: the file is damaged or wasn't written whole; get it again",
        "an I64 of 2^40: [safetensors] 'w' holds 1099511627776 at element 0, which 32 bits can't hold: save it as F32 or I32",
      ]
    `);
  });

  test("takes strings that look like keys and braces", () => {
    const metadata = { a: '"a":{', b: "}{", c: '\\"a\\":' };
    const header = { __metadata__: metadata, a: tensor("U8", [1], [0, 1]), "a:": tensor("U8", [1], [1, 2]) };
    expect(decodeSafetensors(fileOf(header, [1, 2])).metadata).toEqual(metadata);
  });
});

describe("a model's state", () => {
  let gpu: Gpu;
  beforeAll(async () => {
    gpu = await createGpu();
    return () => gpu.destroy();
  });

  test("goes through a file into another model", async () => {
    const options = { classes: 5, width: 1 / 16 };
    const model = nn.vgg(gpu, { ...options, seed: 1 });
    const other = nn.vgg(gpu, { ...options, seed: 2 });
    const saved: Record<string, nn.SafetensorsInput> = {};
    for (const [name, tensor] of Object.entries(model.stateDict()))
      saved[name] = { shape: tensor.shape, data: await tensor.data() };
    other.loadStateDict(decodeSafetensors(encodeSafetensors(saved)).tensors);
    for (const [name, tensor] of Object.entries(other.stateDict()))
      expect(await tensor.data(), name).toEqual(saved[name]?.data);
  });
});
