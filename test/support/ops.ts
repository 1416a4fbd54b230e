/** Helpers for tests of single ops that need no other op. */
import type { Gpu, Tensor } from "wgrad";
import { record } from "../../src/tensor/tape.ts";

/** A scalar whose gradient with respect to y is `dy`: stands for the rest of a network. Its value isn't computed. */
export function dotLoss(y: Tensor, dy: Float32Array<ArrayBuffer>): Tensor {
  const gradient = y.gpu.temporary(y.shape);
  gradient.write(dy);
  return record("dotLoss", y.gpu.full([1], 0), [y], {
    temporaries: [gradient],
    backward: (_, gradients) => gradients.pass(y, gradient),
  });
}

/** Leaves a freed buffer of each of these sizes behind, full of a value that no result may show. */
export function leaveOldMemory(gpu: Gpu, counts: readonly number[]): void {
  gpu.scope(() => {
    for (const count of counts) for (let k = 0; k < 3; k++) gpu.full([count], 1234.5);
  });
}
