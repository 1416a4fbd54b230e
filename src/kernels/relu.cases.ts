import { type KernelCase, noise, values, view } from "./cases.ts";
import { reluBackwardReference, reluForwardReference } from "./relu.reference.ts";
import { reluBackward, reluForward } from "./relu.ts";

const counts = [1, 3, 4, 5, 63, 257, 4099];
const stage1 = 32 * 32 * 32 * 64;
const special = [Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

function input(count: number, seed: number): Float32Array<ArrayBuffer> {
  const x = noise(count, seed);
  if (count > 8) x.set(special, 2);
  return x;
}

export const reluCases: KernelCase[] = [...counts, stage1].flatMap((count) => [
  {
    name: `relu_forward [${count}]`,
    covers: [reluForward],
    inputs: () => ({ x: input(count, 1) }),
    outputs: { y: count },
    launch: (device, views) =>
      reluForward(device, { x: view(views, "x"), y: view(views, "y"), n: Math.ceil(count / 4) }),
    reference: (inputs) => ({ y: reluForwardReference(values(inputs, "x")) }),
    tolerance: "exact" as const,
    bench: count === stage1,
    bytes: 8 * count,
  },
  {
    name: `relu_backward [${count}]`,
    covers: [reluBackward],
    inputs: () => ({ y: input(count, 1), dy: noise(count, 2) }),
    outputs: { dx: count },
    launch: (device, views) =>
      reluBackward(device, {
        y: view(views, "y"),
        dy: view(views, "dy"),
        dx: view(views, "dx"),
        n: Math.ceil(count / 4),
      }),
    reference: (inputs) => ({ dx: reluBackwardReference(values(inputs, "y"), values(inputs, "dy")) }),
    tolerance: "exact" as const,
    bench: count === stage1,
    bytes: 12 * count,
  },
]);
