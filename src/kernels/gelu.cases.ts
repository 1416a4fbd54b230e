import { type KernelCase, noise, values, view } from "./cases.ts";
import { geluBackwardReference, geluForwardReference } from "./gelu.reference.ts";
import { geluBackward, geluForward } from "./gelu.ts";

const counts = [1, 3, 4, 5, 63, 257, 4099];
/** The largest activation behind a pooling of `nn.vggFast` at batch 500. */
const pooled = 500 * 15 * 15 * 64;
const special = [Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1e30];

/** Values in [-6, 6): Φ leaves 0 and 1 within. One is large, since errors are told beside the largest output. */
function input(count: number): Float32Array<ArrayBuffer> {
  const x = noise(count, 1).map((value) => 6 * value);
  x[0] = 5.5;
  if (count > 8) x.set(special, 2);
  return x;
}

const why = "an exp within 4e-7 and ten roundings, of 0.2 where the largest output is";

export const geluCases: KernelCase[] = [...counts, pooled].flatMap((count) => [
  {
    name: `gelu_forward [${count}]`,
    covers: [geluForward],
    inputs: () => ({ x: input(count) }),
    outputs: { y: count },
    launch: (device, views) =>
      geluForward(device, { x: view(views, "x"), y: view(views, "y"), n: Math.ceil(count / 4) }),
    reference: (inputs) => ({ y: geluForwardReference(values(inputs, "x")) }),
    tolerance: { relative: 2e-7, why: `${why} 6` },
    bench: count === pooled,
    bytes: 8 * count,
  },
  {
    name: `gelu_backward [${count}]`,
    covers: [geluBackward],
    inputs: () => ({ x: input(count), dy: noise(count, 2) }),
    outputs: { dx: count },
    launch: (device, views) =>
      geluBackward(device, {
        x: view(views, "x"),
        dy: view(views, "dy"),
        dx: view(views, "dx"),
        n: Math.ceil(count / 4),
      }),
    reference: (inputs) => ({ dx: geluBackwardReference(values(inputs, "x"), values(inputs, "dy")) }),
    tolerance: { relative: 6e-7, why: `${why} 1` },
    bench: count === pooled,
    bytes: 12 * count,
  },
]);
