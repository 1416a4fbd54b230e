import { launchWhere } from "../../kernels/where.ts";
import { broadcastShapes } from "../shape.ts";
import { record } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { intoBroadcast, needsGradient, shapeOf, tensorsIn } from "./broadcast.ts";
import { requireFloat, requireTensor } from "./check.ts";

/**
 * `y = a` where the condition holds, elsewhere `b`, with broadcasting.
 *
 * Gradients: `da = dy` where the condition holds, elsewhere 0, `db` the other way round, each summed over the axes along which its operand
 * was broadcast. The condition has none.
 * @param condition f32, i32 or u32: it holds where it isn't 0, so for NaN, too
 * @param a f32, a shape that broadcasts with the others', or a number
 * @param b f32, a shape that broadcasts with the others', or a number
 * @returns the shape that all three broadcast to
 * @throws Error if the shapes don't broadcast or a or b isn't f32
 */
export function where(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
  requireTensor("where", "condition", condition);
  const inputs = [...tensorsIn(a), ...tensorsIn(b)];
  if (typeof a !== "number") requireFloat("where", "a", a);
  if (typeof b !== "number") requireFloat("where", "b", b);
  const { device, gpu } = condition;
  const y = gpu.empty(
    broadcastShapes("where", broadcastShapes("where", condition.shape, shapeOf(a)), shapeOf(b)),
  );
  const tested = { condition, isFloat: condition.dtype === "f32" };
  launchWhere(device, { ...tested, a, b, y });
  return record("where", y, inputs, {
    saves: needsGradient(a) || needsGradient(b) ? [condition] : [],
    backward: (dy, gradients) => {
      intoBroadcast(gradients, a, dy, (da) => launchWhere(device, { ...tested, a: dy, b: 0, y: da }));
      intoBroadcast(gradients, b, dy, (db) => launchWhere(device, { ...tested, a: 0, b: dy, y: db }));
    },
  });
}
