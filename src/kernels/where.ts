/**
 * y = a where the condition holds, elsewhere b, with broadcasting: as in binary.ts one kernel of vec4s for equal shapes, single elements and
 * numbers, one that walks for every other broadcast.
 *
 * A condition holds where its word isn't 0. `mask` takes the sign off a float's, for which -0 is 0 and NaN holds.
 */
import type { Device } from "../gpu/device.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";
import { kindOf, type Operand, ofEach, ofNumber, operandWgsl, type ShapedView, stridesOf } from "./binary.ts";
import { mergeDimensions, walkOffsets, walkParams, walkParamTypes } from "./strides.ts";

const whereParams = {
  n: "u32",
  mask: "u32",
  condition_kind: "u32",
  a_kind: "u32",
  b_kind: "u32",
  a_number: "f32",
  b_number: "f32",
} as const;

export const whereQuads = kernel("where_quads", {
  read: { condition: "vec4u", a: "quad", b: "quad" },
  write: { y: "quad" },
  params: whereParams,
  declarations: operandWgsl,
  elementwise: true,
  body: wgsl`
      let words = condition[element_index(i, params.condition_kind)];
      let tested = select(vec4u(words.x), words, params.condition_kind == ${ofEach}u) & vec4u(params.mask);
      let left = operand(a[element_index(i, params.a_kind)], params.a_kind, params.a_number);
      let right = operand(b[element_index(i, params.b_kind)], params.b_kind, params.b_number);
      y[i] = select(right, left, tested != vec4u(0));`,
});

export const whereBroadcast = kernel("where_broadcast", {
  read: { condition: "u32", a: "scalar", b: "scalar" },
  write: { y: "scalar" },
  params: { ...whereParams, ...walkParamTypes("condition", "a", "b") },
  elementwise: true,
  body: wgsl`
      ${walkOffsets("condition", "a", "b")}
      let left = select(a[a_offset], params.a_number, params.a_kind == ${ofNumber}u);
      let right = select(b[b_offset], params.b_number, params.b_kind == ${ofNumber}u);
      y[i] = select(right, left, (condition[condition_offset] & params.mask) != 0u);`,
});

/** Launches y = condition ? a : b, all broadcast to y's shape. `isFloat`: the condition's element type. */
export function launchWhere(
  device: Device,
  {
    condition,
    isFloat,
    a,
    b,
    y,
  }: { condition: ShapedView; isFloat: boolean; a: Operand; b: Operand; y: ShapedView },
): void {
  const operands = [condition, a, b] as const;
  const walk = mergeDimensions(
    "where",
    y.shape,
    operands.map((operand) => stridesOf(operand, y)),
  );
  const kinds = operands.map((operand, k) => kindOf(operand, walk.strides[k]?.[0]));
  const [condition_kind = 0, a_kind = 0, b_kind = 0] = kinds;
  const numberOf = (operand: Operand) => (typeof operand === "number" ? operand : 0);
  // A number is a parameter, but its binding must hold something.
  const bound = (operand: Operand) => (typeof operand === "number" ? condition : operand);
  const n = y.shape.reduce((product, extent) => product * extent, 1);
  const mask = isFloat ? 0x7fffffff : 0xffffffff;
  const numbers = { a_number: numberOf(a), b_number: numberOf(b) };
  const views = { condition, a: bound(a), b: bound(b), y };
  const args = { ...views, ...numbers, mask, condition_kind, a_kind, b_kind };
  if (walk.extents.length <= 1) whereQuads(device, { ...args, n: Math.ceil(n / 4) });
  else whereBroadcast(device, { ...args, n, ...walkParams(walk, "condition", "a", "b") });
}
