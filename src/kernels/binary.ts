/**
 * y = a op b with broadcasting: one template for the operations, two kernels each.
 *
 * `*_quads` serves equal shapes, one-element operands and numbers: memory-bound, vec4 in and out, and which of the three an
 * operand is, is a parameter. `*_broadcast` serves every other broadcast, element by element, by index arithmetic. Kernels
 * per kind of operand were rejected: nine for each operation, for a select that costs nothing beside the loads.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";
import { broadcastStrides, mergeDimensions, walkOffsets, walkParams, walkParamTypes } from "./strides.ts";

/** A buffer range that holds a row-major tensor. */
export interface ShapedView extends BufferView {
  readonly shape: readonly number[];
}

/** What an operand may be: anything that broadcasts to the output's shape. */
export type Operand = ShapedView | number;

/** What an operand contributes to y's elements: one of its own to each, the same one to all, or a number. */
export const ofEach = 0;
const ofOne = 1;
export const ofNumber = 2;

/** An operand's kind, where all dimensions merge into one with this stride. A y of one element has no stride, and no difference either. */
export function kindOf(operand: Operand, stride: number | undefined): number {
  return typeof operand === "number" ? ofNumber : stride === 1 ? ofEach : ofOne;
}

/** `operand`: the vec4 that an operand contributes. `element_index`: where it lies. */
export const operandWgsl = wgsl`
      fn element_index(i: u32, kind: u32) -> u32 { return select(0u, i, kind == ${ofEach}u); }
      fn operand(element: quad, kind: u32, number: scalar) -> quad {
        let single = select(element.x, number, kind == ${ofNumber}u);
        return select(quad(single), element, kind == ${ofEach}u);
      }`;

const nanIn = (bits: string, truth: string) => wgsl`
      fn nan_in(x: cell) -> ${truth} { return (bitcast<${bits}>(x) & ${bits}(0x7fffffffu)) > ${bits}(0x7f800000u); }`;

const operandParams = { a_kind: "u32", b_kind: "u32", a_number: "f32", b_number: "f32" } as const;

function binaryKernels(name: string, expression: string) {
  const quads = kernel(`${name}_quads`, {
    read: { a: "quad", b: "quad" },
    write: { y: "quad" },
    params: { n: "u32", ...operandParams },
    declarations: `alias cell = quad;${operandWgsl}${nanIn("vec4u", "vec4<bool>")}`,
    elementwise: true,
    body: wgsl`
      let left = operand(a[element_index(i, params.a_kind)], params.a_kind, params.a_number);
      let right = operand(b[element_index(i, params.b_kind)], params.b_kind, params.b_number);
      y[i] = ${expression};`,
  });
  const broadcast = kernel(`${name}_broadcast`, {
    read: { a: "scalar", b: "scalar" },
    write: { y: "scalar" },
    params: { n: "u32", ...operandParams, ...walkParamTypes("a", "b") },
    declarations: `alias cell = scalar;${nanIn("u32", "bool")}`,
    elementwise: true,
    body: wgsl`
      ${walkOffsets("a", "b")}
      let left = select(a[a_offset], params.a_number, params.a_kind == ${ofNumber}u);
      let right = select(b[b_offset], params.b_number, params.b_kind == ${ofNumber}u);
      y[i] = ${expression};`,
  });
  return { quads, broadcast };
}

/** y = a + b. */
export const { quads: addQuads, broadcast: addBroadcast } = binaryKernels("add", "left + right");
/** y = a - b. */
export const { quads: subQuads, broadcast: subBroadcast } = binaryKernels("sub", "left - right");
/** y = a b. */
export const { quads: mulQuads, broadcast: mulBroadcast } = binaryKernels("mul", "left * right");
/** y = a / b. */
export const { quads: divQuads, broadcast: divBroadcast } = binaryKernels("div", "left / right");

/** y = the larger of a and b; NaN if one of them is. */
export const { quads: maximumQuads, broadcast: maximumBroadcast } = binaryKernels(
  "maximum",
  "select(right, left, ((left > right) | nan_in(left)) & !nan_in(right))",
);
/** y = a's share in the gradient of the maximum: 1 where a is larger (or one is NaN), half where they're equal, elsewhere 0. */
export const { quads: shareQuads, broadcast: shareBroadcast } = binaryKernels(
  "share",
  "select(select(cell(1), cell(0.5), left == right), cell(0), left < right)",
);

const kernels = {
  add: { quads: addQuads, broadcast: addBroadcast },
  sub: { quads: subQuads, broadcast: subBroadcast },
  mul: { quads: mulQuads, broadcast: mulBroadcast },
  div: { quads: divQuads, broadcast: divBroadcast },
  maximum: { quads: maximumQuads, broadcast: maximumBroadcast },
  share: { quads: shareQuads, broadcast: shareBroadcast },
};

export type BinaryOperation = keyof typeof kernels;

/** Launches y = a op b, operands broadcast to y's shape. */
export function launchBinary(
  device: Device,
  operation: BinaryOperation,
  a: Operand,
  b: Operand,
  y: ShapedView,
): void {
  const { quads, broadcast } = kernels[operation];
  const views = { a: bound(operation, a, b), b: bound(operation, b, a), y };
  const walk = mergeDimensions(operation, y.shape, [stridesOf(a, y), stridesOf(b, y)]);
  const [aStrides = [], bStrides = []] = walk.strides;
  const numbers = { a_number: typeof a === "number" ? a : 0, b_number: typeof b === "number" ? b : 0 };
  const kinds = { a_kind: kindOf(a, aStrides[0]), b_kind: kindOf(b, bStrides[0]) };
  const n = y.shape.reduce((product, extent) => product * extent, 1);
  if (walk.extents.length <= 1) quads(device, { ...views, n: Math.ceil(n / 4), ...numbers, ...kinds });
  else broadcast(device, { ...views, n, ...numbers, ...kinds, ...walkParams(walk, "a", "b") });
}

/** Strides with which y's shape is walked over an operand. */
export function stridesOf(operand: Operand, y: ShapedView): number[] {
  return broadcastStrides(typeof operand === "number" ? [] : operand.shape, y.shape);
}

/** A number is a parameter, but its binding must hold something: the other operand. */
function bound(operation: string, operand: Operand, other: Operand): BufferView {
  if (typeof operand !== "number") return operand;
  if (typeof other !== "number") return other;
  throw new Error(`[${operation}] needs a tensor, but got two numbers: ${operand} and ${other}`);
}
