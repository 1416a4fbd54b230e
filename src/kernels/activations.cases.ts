import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import {
  type ActivationName,
  activationGradReference,
  activationReference,
} from "./activations.reference.ts";
import { type Activation, activations } from "./activations.ts";
import { type KernelCase, noise, values, view } from "./cases.ts";

const counts = [1, 3, 5, 63, 257, 4099];
/** An activation of VGG's first stage at batch 32. */
const stage1 = 32 * 32 * 32 * 64;
const special = [Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

interface Subject {
  readonly name: ActivationName;
  /** x lies within. */
  readonly range: number;
  readonly tolerance: KernelCase["tolerance"];
  /** Params as the reference takes them. */
  readonly given?: readonly number[];
  /** Forward, then backward. */
  launch(
    device: Device,
    views: Readonly<Record<"x" | "y" | "dy" | "dx", BufferView>> & { readonly n: number },
  ): void;
}

const both =
  <P>({ saves, forward, backward }: Activation<P>, params: P): Subject["launch"] =>
  (device, { x, y, dy, dx, n }) => {
    forward(device, { x, y, n, ...params });
    backward(device, { saved: saves === "x" ? x : y, dy, dx, n, ...params });
  };

const exponential = {
  relative: 7e-7,
  why: "an exp within 4e-7, a quotient within 2.5 units in the last place",
} as const;
const oneRounding = { relative: 2 ** -24, why: "one rounding" } as const;
const { leakyRelu, sigmoid, silu, tanh, clamp } = activations;

const subjects: readonly Subject[] = [
  {
    name: "leakyRelu",
    range: 2,
    tolerance: oneRounding,
    given: [0.25],
    launch: both(leakyRelu, { slope: 0.25 }),
  },
  {
    name: "leakyRelu",
    range: 2,
    tolerance: oneRounding,
    given: [-1.5],
    launch: both(leakyRelu, { slope: -1.5 }),
  },
  { name: "sigmoid", range: 12, tolerance: exponential, launch: both(sigmoid, {}) },
  { name: "sigmoid", range: 3e38, tolerance: exponential, launch: both(sigmoid, {}) },
  { name: "silu", range: 12, tolerance: exponential, launch: both(silu, {}) },
  { name: "silu", range: 3e38, tolerance: exponential, launch: both(silu, {}) },
  { name: "tanh", range: 4, tolerance: exponential, launch: both(tanh, {}) },
  { name: "tanh", range: 3e38, tolerance: exponential, launch: both(tanh, {}) },
  {
    name: "clamp",
    range: 2,
    tolerance: "exact",
    given: [-0.5, 1],
    launch: both(clamp, { low: -0.5, high: 1 }),
  },
];

/** A few values stay near 0: tolerances are relative to the largest slope, which fades away from there. */
function input(count: number, range: number): Float32Array<ArrayBuffer> {
  const x = noise(count, 1).map((value) => (count > 8 ? range : 1) * value);
  if (count > 8) x.set(special, 2);
  return x;
}

const testCase = ({ name, range, tolerance, given = [], launch }: Subject, count: number): KernelCase => ({
  name: `${name} [${count}] within ${range}${given.length > 0 ? ` with ${given}` : ""}`,
  covers: [activations[name].forward, activations[name].backward],
  inputs: () => ({ x: input(count, range), dy: noise(count, 2) }),
  outputs: { y: count, dx: count },
  launch: (device, views) => {
    const [x, y, dy, dx] = [view(views, "x"), view(views, "y"), view(views, "dy"), view(views, "dx")];
    launch(device, { x, y, dy, dx, n: Math.ceil(count / 4) });
  },
  reference: (inputs) => {
    const x = values(inputs, "x");
    return {
      y: activationReference(name, x, ...given),
      dx: activationGradReference(name, x, values(inputs, "dy"), ...given),
    };
  },
  tolerance,
  bench: count === stage1,
  bytes: 20 * count,
});

export const activationCases: readonly KernelCase[] = subjects.flatMap((subject) =>
  [...counts, ...(subject.range < 100 ? [stage1] : [])].map((count) => testCase(subject, count)),
);
