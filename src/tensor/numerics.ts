/**
 * `gpu.checkNumerics`: which op made the first NaN or infinity.
 *
 * The tape shows what each op reads and makes, forward and backward; a kernel after each looks at it, in the order of the commands, and
 * reports the first find as a fault. So it works in recorded steps too, and nothing is read on the way.
 */
import { defineFault } from "../gpu/faults.ts";
import { reportNonFinite } from "../kernels/finite.ts";
import { formatShape } from "./shape.ts";
import { observing } from "./tape.ts";
import type { Tensor } from "./tensor.ts";

interface Site {
  readonly what: string;
  readonly shape: Tensor["shape"];
}

/** What was looked at; each place once, however many steps there are. */
const sites: Site[] = [];
const numbers = new Map<string, number>();

const fault = defineFault((number, index, bits) => {
  const { what = "", shape = [] } = sites[number] ?? {};
  const value = (bits & 0x7fffff) !== 0 ? "NaN" : bits < 0 ? "-Infinity" : "Infinity";
  return `[numerics] ${value} at ${formatShape(coordinates(index, shape))} of ${what}`;
});

/** See `Gpu.checkNumerics`. */
export function checkNumerics<T>(fn: () => T): T {
  return observing(look, fn);
}

function look(x: Tensor, what: string): void {
  if (x.dtype !== "f32") return;
  const number = numbers.get(what) ?? sites.push({ what, shape: x.shape }) - 1;
  numbers.set(what, number);
  reportNonFinite(x.device, x, x.size, fault, number);
}

function coordinates(index: number, shape: Tensor["shape"]): number[] {
  let left = index;
  return shape
    .toReversed()
    .map((extent) => {
      const at = left % extent;
      left = (left - at) / extent;
      return at;
    })
    .reverse();
}
