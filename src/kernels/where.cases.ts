import { type HostValues, type KernelCase, noise, type ReferenceValues, values, view } from "./cases.ts";
import { whereReference } from "./where.reference.ts";
import { launchWhere, whereBroadcast, whereQuads } from "./where.ts";

type ShapeOrNumber = readonly number[] | number;
interface Size {
  readonly condition: readonly number[];
  readonly a: ShapeOrNumber;
  readonly b: ShapeOrNumber;
  readonly shape: readonly number[];
}

const alike: readonly Size[] = [
  { condition: [1], a: [1], b: [1], shape: [1] },
  { condition: [5], a: [5], b: -1.5, shape: [5] },
  { condition: [257], a: 0, b: [257], shape: [257] },
  { condition: [3, 43], a: 1, b: 2, shape: [3, 43] },
  { condition: [], a: [3, 5, 7], b: [1, 1], shape: [3, 5, 7] },
  { condition: [64, 65], a: [64, 65], b: [64, 65], shape: [64, 65] },
];
const broadcasts: readonly Size[] = [
  { condition: [7, 1], a: [7, 3], b: 0, shape: [7, 3] },
  { condition: [3], a: 2, b: [7, 1], shape: [7, 3] },
  { condition: [2, 3, 1, 5], a: [3, 4, 1], b: [5], shape: [2, 3, 4, 5] },
];

const conditions = {
  f32: (count: number) => {
    const x = noise(count, 3).map((value) => Math.max(0, value));
    if (count > 4) x.set([Number.NaN, -0, Number.POSITIVE_INFINITY], 1);
    return x;
  },
  i32: (count: number) => Int32Array.from(noise(count, 3), (value) => (value > 0 ? -(2 ** 31) : 0)),
  u32: (count: number) => Uint32Array.from(noise(count, 3), (value) => (value > 0 ? 1 : 0)),
} satisfies Record<string, (count: number) => HostValues>;

const sizeOf = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);
const text = (operand: ShapeOrNumber) => (typeof operand === "number" ? operand : `[${operand.join(", ")}]`);

/** Values that are to come through whatever they are. */
function input(count: number, seed: number): Float32Array<ArrayBuffer> {
  const x = noise(count, seed);
  if (count > 4) x.set([Number.NaN, Number.NEGATIVE_INFINITY], 0);
  return x;
}

const testCase = (
  { condition, a, b, shape }: Size,
  dtype: keyof typeof conditions,
  covers: KernelCase["covers"],
): KernelCase => {
  const shaped = (given: ReferenceValues, name: string, operand: ShapeOrNumber) =>
    typeof operand === "number"
      ? { values: [operand], shape: [] }
      : { values: values(given, name), shape: operand };
  return {
    name: `where ${dtype} ${text(condition)} ${text(a)} ${text(b)} -> ${text(shape)}`,
    covers,
    inputs: () => ({
      condition: conditions[dtype](sizeOf(condition)),
      ...(typeof a === "number" ? {} : { a: input(sizeOf(a), 1) }),
      ...(typeof b === "number" ? {} : { b: input(sizeOf(b), 2) }),
    }),
    outputs: { y: sizeOf(shape) },
    launch: (device, views) =>
      launchWhere(device, {
        condition: { ...view(views, "condition"), shape: condition },
        isFloat: dtype === "f32",
        a: typeof a === "number" ? a : { ...view(views, "a"), shape: a },
        b: typeof b === "number" ? b : { ...view(views, "b"), shape: b },
        y: { ...view(views, "y"), shape },
      }),
    reference: (given) => ({
      y: whereReference(
        shaped(given, "condition", condition),
        shaped(given, "a", a),
        shaped(given, "b", b),
        shape,
      ),
    }),
    tolerance: "exact",
    bytes: 16 * sizeOf(shape),
  };
};

export const whereCases: readonly KernelCase[] = (["f32", "i32", "u32"] as const).flatMap((dtype) => [
  ...alike.map((size) => testCase(size, dtype, [whereQuads])),
  ...broadcasts.map((size) => testCase(size, dtype, [whereBroadcast])),
]);
