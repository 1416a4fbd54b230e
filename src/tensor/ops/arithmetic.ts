/** Arithmetic with broadcasting by NumPy's rules: aligned at the last axis, extents are equal or 1. */
import { type BinaryOperation, launchBinary } from "../../kernels/binary.ts";
import { launchWhere } from "../../kernels/where.ts";
import { broadcastShapes } from "../shape.ts";
import { type GradientSink, record } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { intoBroadcast, needsGradient, passBroadcast, shapeOf, tensorsIn } from "./broadcast.ts";
import { requireFloat } from "./check.ts";

/**
 * Sum, `y = a + b`.
 *
 * Gradients: `da = dy`, `db = dy`, each summed over the axes along which its operand was broadcast.
 * @param a any shape, or a number if b is a tensor
 * @param b a shape that broadcasts with a's, or a number
 * @returns the shape that both broadcast to
 * @throws Error if the shapes don't broadcast or a tensor isn't f32
 */
export function add(a: Tensor | number, b: Tensor | number): Tensor {
  return binary("add", a, b, ({ dy, gradients }) => {
    passBroadcast(gradients, a, dy);
    passBroadcast(gradients, b, dy);
  });
}

/**
 * Difference, `y = a - b`. Operands, result and errors as `add`.
 *
 * Gradients: `da = dy`, `db = -dy`.
 */
export function sub(a: Tensor | number, b: Tensor | number): Tensor {
  return binary("sub", a, b, ({ dy, gradients }) => {
    passBroadcast(gradients, a, dy);
    intoBroadcast(gradients, b, dy, (db) => launchBinary(dy.device, "mul", dy, -1, db));
  });
}

/**
 * Product, `y = a b`. Operands, result and errors as `add`.
 *
 * Gradients: `da = b dy`, `db = a dy`.
 */
export function mul(a: Tensor | number, b: Tensor | number): Tensor {
  return binary(
    "mul",
    a,
    b,
    ({ dy, gradients }) => {
      intoBroadcast(gradients, a, dy, (da) => launchBinary(dy.device, "mul", dy, b, da));
      intoBroadcast(gradients, b, dy, (db) => launchBinary(dy.device, "mul", dy, a, db));
    },
    // The gradient of an operand reads the other one.
    () => [...(needsGradient(b) ? tensorsIn(a) : []), ...(needsGradient(a) ? tensorsIn(b) : [])],
  );
}

/**
 * Quotient, `y = a / b`; division by 0 gives an infinity, 0 / 0 NaN. Operands, result and errors as `add`.
 *
 * Gradients: `da = dy / b`, `db = -y dy / b`.
 */
export function div(a: Tensor | number, b: Tensor | number): Tensor {
  return binary(
    "div",
    a,
    b,
    ({ dy, y, gradients }) => {
      intoBroadcast(gradients, a, dy, (da) => launchBinary(dy.device, "div", dy, b, da));
      intoBroadcast(gradients, b, dy, (db) => {
        const scaled = dy.gpu.temporary(dy.shape);
        const product = dy.gpu.temporary(dy.shape);
        launchBinary(dy.device, "mul", dy, -1, scaled);
        launchBinary(dy.device, "mul", scaled, y, product);
        launchBinary(dy.device, "div", product, b, db);
        scaled.claim.release("div");
        product.claim.release("div");
      });
    },
    (y) => [...tensorsIn(b), ...(needsGradient(b) ? [y] : [])],
  );
}

/**
 * The larger of two, `y = max(a, b)`; NaN where one of them is. Operands, result and errors as `add`.
 *
 * Gradients: `da = dy` where a is larger, half of dy where both are equal, elsewhere 0, and b's likewise, as in PyTorch. Where y is
 * NaN, both get dy.
 */
export function maximum(a: Tensor | number, b: Tensor | number): Tensor {
  return binary(
    "maximum",
    a,
    b,
    ({ dy, gradients }) => {
      intoBroadcast(gradients, a, dy, (da) => launchShare(dy, a, b, da));
      intoBroadcast(gradients, b, dy, (db) => launchShare(dy, b, a, db));
    },
    () => [...tensorsIn(a), ...tensorsIn(b)],
  );
}

/** a's share of dy. Where that's none, not even NaN times 0. */
function launchShare(dy: Tensor, a: Tensor | number, b: Tensor | number, da: Tensor): void {
  const { device, gpu, shape } = dy;
  const share = gpu.temporary(shape);
  const scaled = gpu.temporary(shape);
  launchBinary(device, "share", a, b, share);
  launchBinary(device, "mul", dy, share, scaled);
  launchWhere(device, { condition: share, isFloat: true, a: scaled, b: 0, y: da });
  share.claim.release("maximum");
  scaled.claim.release("maximum");
}

interface BackwardArguments {
  readonly dy: Tensor;
  readonly y: Tensor;
  readonly gradients: GradientSink;
}

function binary(
  operation: BinaryOperation,
  a: Tensor | number,
  b: Tensor | number,
  backward: (args: BackwardArguments) => void,
  saves: (y: Tensor) => readonly Tensor[] = () => [],
): Tensor {
  const inputs = [...tensorsIn(a), ...tensorsIn(b)];
  const [first] = inputs;
  if (typeof a !== "number") requireFloat(operation, "a", a);
  if (typeof b !== "number") requireFloat(operation, "b", b);
  if (!first) throw new Error(`[${operation}] needs a tensor, but got two numbers: ${a} and ${b}`);
  const y = first.gpu.empty(broadcastShapes(operation, shapeOf(a), shapeOf(b)));
  launchBinary(first.device, operation, a, b, y);
  return record(operation, y, inputs, {
    saves: saves(y),
    backward: (dy, gradients) => backward({ dy, y, gradients }),
  });
}
