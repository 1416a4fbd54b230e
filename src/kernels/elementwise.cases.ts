import { type KernelCase, noise, values, view } from "./cases.ts";
import { accumulate, fill } from "./elementwise.ts";

const counts = [1, 5, 255, 4097];

export const elementwiseCases: KernelCase[] = counts.flatMap((count) => [
  {
    name: `accumulate [${count}]`,
    covers: [accumulate],
    inputs: () => ({ x: noise(count, 1), sum: noise(count, 2) }),
    outputs: { sum: count },
    launch: (device, views) =>
      accumulate(device, { x: view(views, "x"), sum: view(views, "sum"), n: Math.ceil(count / 4) }),
    reference: (inputs) => {
      const x = values(inputs, "x");
      return { sum: Float64Array.from(values(inputs, "sum"), (value, k) => value + (x[k] ?? 0)) };
    },
    tolerance: { relative: 2 ** -24, why: "one rounding" },
    bytes: 12 * count,
  },
  {
    name: `fill [${count}]`,
    covers: [fill],
    inputs: () => ({}),
    outputs: { y: count },
    launch: (device, views) => fill(device, { y: view(views, "y"), n: Math.ceil(count / 4), value: -2.5 }),
    reference: () => ({ y: new Float64Array(count).fill(-2.5) }),
    tolerance: "exact" as const,
    bytes: 4 * count,
  },
]);
