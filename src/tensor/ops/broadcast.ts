/** What ops that broadcast their operands share. @internal */
import { launchSum } from "../../kernels/reduce.ts";
import { sameShape } from "../shape.ts";
import type { GradientSink } from "../tape.ts";
import { Tensor } from "../tensor.ts";

export function tensorsIn(operand: Tensor | number): readonly Tensor[] {
  return operand instanceof Tensor ? [operand] : [];
}

export function shapeOf(operand: Tensor | number): readonly number[] {
  return operand instanceof Tensor ? operand.shape : [];
}

export function needsGradient(operand: Tensor | number): boolean {
  return operand instanceof Tensor && operand.requiresGrad;
}

/** dy itself as an operand's gradient, summed where the operand was broadcast. */
export function passBroadcast(gradients: GradientSink, x: Tensor | number, dy: Tensor): void {
  if (typeof x === "number") return;
  if (sameShape(x.shape, dy.shape)) gradients.pass(x, dy);
  else gradients.into(x, (dx) => sumTo(dy, x, dx));
}

/** What `launch` computes in dy's shape as an operand's gradient, summed where the operand was broadcast. */
export function intoBroadcast(
  gradients: GradientSink,
  x: Tensor | number,
  dy: Tensor,
  launch: (gradient: Tensor) => void,
): void {
  if (typeof x === "number") return;
  gradients.into(x, (dx) => {
    if (sameShape(x.shape, dy.shape)) {
      launch(dx);
      return;
    }
    const whole = dy.gpu.temporary(dy.shape);
    launch(whole);
    sumTo(whole, x, dx);
    whole.claim.release("backward()");
  });
}

/** Sums a gradient over the axes along which x was broadcast. */
function sumTo(gradient: Tensor, x: Tensor, dx: Tensor): void {
  const missing = gradient.shape.length - x.shape.length;
  const axes = gradient.shape.flatMap((extent, axis) =>
    extent !== (x.shape[axis - missing] ?? 1) ? [axis] : [],
  );
  launchSum(gradient.device, { x: gradient, y: dx, shape: gradient.shape, axes });
}
