import { type KernelCase, noise, values, view } from "./cases.ts";
import { launchPow, launchPowGradient, powBackward, powForward } from "./pow.ts";
import {
  powBackwardReference,
  powReference,
  sqrtBackwardReference,
  unaryReferences,
} from "./unary.reference.ts";
import { expForward, logForward, negForward, specialBits, sqrtBackward, sqrtForward } from "./unary.ts";

const counts = [1, 3, 5, 255, 1027];
const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

/** Values in [-range, range), those that IEEE treats apart where there is room. */
function input(count: number, range: number, seed = 1): Float32Array<ArrayBuffer> {
  const x = noise(count, seed).map((value) => value * range);
  if (count > 20) x.set([0, nan, infinity, -infinity, -1, 1, 4], 3);
  return x;
}

const forwards = [
  { name: "neg", kernel: negForward, range: 3, tolerance: "exact" },
  {
    name: "exp",
    kernel: expForward,
    range: 20,
    tolerance: { relative: 43 * 2 ** -23, why: "WGSL allows exp(20) 3 + 2 * 20 units in the last place" },
  },
  {
    name: "log",
    kernel: logForward,
    range: 50,
    tolerance: { relative: 2 ** -21, why: "WGSL allows log 3 units in the last place, 2^-21 in [0.5, 2]" },
  },
  {
    name: "sqrt",
    kernel: sqrtForward,
    range: 50,
    tolerance: { relative: 2 ** -22, why: "WGSL computes sqrt as 1 / inverseSqrt" },
  },
] as const;

const exponents = [2, 3, 0, 0.5, -1, 1, -2, 1.5, -0.5, 7, 10];
const powTolerance = {
  relative: 32 * 2 ** -24,
  why: "WGSL computes pow as exp2(y log2(x)); whole powers round once a multiplication",
};

export const unaryCases: KernelCase[] = counts.flatMap((count): KernelCase[] => [
  ...forwards.map(
    ({ name, kernel, range, tolerance }): KernelCase => ({
      name: `${name}_forward [${count}]`,
      covers: [kernel],
      inputs: () => ({ x: input(count, range) }),
      outputs: { y: count },
      launch: (device, views) =>
        kernel(device, { x: view(views, "x"), y: view(views, "y"), n: Math.ceil(count / 4), ...specialBits }),
      reference: (inputs) => ({ y: unaryReferences[name](values(inputs, "x")) }),
      tolerance,
      bytes: 8 * count,
    }),
  ),
  {
    name: `sqrt_backward [${count}]`,
    covers: [sqrtBackward],
    inputs: () => ({ y: noise(count, 1).map((value) => value + 1.5), dy: noise(count, 2) }),
    outputs: { dx: count },
    launch: (device, views) =>
      sqrtBackward(device, {
        y: view(views, "y"),
        dy: view(views, "dy"),
        dx: view(views, "dx"),
        n: Math.ceil(count / 4),
      }),
    reference: (inputs) => ({ dx: sqrtBackwardReference(values(inputs, "y"), values(inputs, "dy")) }),
    tolerance: { relative: 2 ** -21, why: "WGSL allows a quotient 2.5 units in the last place" },
    bytes: 12 * count,
  },
]);

// A negative base under a fractional exponent is NaN, 0 to a negative power infinite: half of the values are those.
export const powCases: KernelCase[] = exponents.flatMap((exponent) =>
  [1, 7, 259].flatMap((count): KernelCase[] => [
    {
      name: `pow_forward [${count}] ^ ${exponent}`,
      covers: [powForward],
      inputs: () => ({ x: awayFromZero(input(count, 2)) }),
      outputs: { y: count },
      launch: (device, views) =>
        launchPow(device, { x: view(views, "x"), y: view(views, "y"), n: Math.ceil(count / 4), exponent }),
      reference: (inputs) => ({ y: powReference(values(inputs, "x"), exponent) }),
      tolerance: powTolerance,
      bytes: 8 * count,
    },
    {
      name: `pow_backward [${count}] ^ ${exponent}`,
      covers: [powBackward],
      inputs: () => ({ x: awayFromZero(input(count, 2)), dy: noise(count, 2).map(Math.abs) }),
      outputs: { dx: count },
      launch: (device, views) => {
        const [x, dy, dx] = [view(views, "x"), view(views, "dy"), view(views, "dx")];
        launchPowGradient(device, { x, dy, dx, n: Math.ceil(count / 4), exponent });
      },
      reference: (inputs) => ({
        dx: powBackwardReference(values(inputs, "x"), values(inputs, "dy"), exponent),
      }),
      tolerance: powTolerance,
      bytes: 12 * count,
    },
  ]),
);

/** Small magnitudes would make one value, under a negative exponent, dwarf the others. */
function awayFromZero(x: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  return x.map((value) => (value === 0 ? 0 : value + 0.5 * Math.sign(value)));
}
