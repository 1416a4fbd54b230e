import { type KernelCase, noise, values, view } from "./cases.ts";
import { nonFiniteFaultReference, nonFiniteLanesReference } from "./finite.reference.ts";
import { nonFiniteFault, nonFiniteLanes } from "./finite.ts";

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
/** Largest and smallest finite numbers are no finds. */
const extremes = [3.4028234663852886e38, -3.4028234663852886e38, 1e-45, -0];

function input(count: number, special: Readonly<Record<number, number>>): Float32Array<ArrayBuffer> {
  const x = noise(count, count);
  if (count > 4) x.set(extremes, 0);
  for (const [at, value] of Object.entries(special)) x[Number(at)] = value;
  return x;
}

const inputs: readonly (readonly [number, Readonly<Record<number, number>>])[] = [
  [1, {}],
  [1, { 0: nan }],
  [7, { 6: infinity }],
  [63, {}],
  [64, { 40: -infinity, 41: nan }],
  [65, { 64: nan }],
  [4099, { 4098: nan, 4097: infinity }],
];

export const finiteCases: KernelCase[] = inputs.flatMap(([count, special]) => {
  const lanes = Math.min(count, 60);
  const name = `[${count}] ${Object.keys(special).join(" ")}`;
  const x = () => input(count, special);
  return [
    {
      name: `non_finite_lanes ${name}`,
      covers: [nonFiniteLanes],
      inputs: () => ({ x: x() }),
      outputs: { first: lanes },
      types: { first: "u32" as const },
      launch: (device, views) =>
        nonFiniteLanes(device, { x: view(views, "x"), first: view(views, "first"), n: count, lanes }),
      reference: (given) => ({ first: nonFiniteLanesReference(values(given, "x"), lanes) }),
      tolerance: "exact" as const,
    },
    ...[0, 3].map(
      (before): KernelCase => ({
        name: `non_finite_fault ${name}, ${before === 0 ? "the first" : "a later one"}`,
        covers: [nonFiniteFault],
        inputs: () => ({
          x: x(),
          first: Uint32Array.from(nonFiniteLanesReference(x(), lanes)),
          faults: Uint32Array.of(before, 1, 2, 3),
        }),
        outputs: { faults: 4 },
        types: { faults: "u32" },
        launch: (device, views) => {
          const [data, first, faults] = [view(views, "x"), view(views, "first"), view(views, "faults")];
          nonFiniteFault(device, { x: data, first, faults, n: count, lanes, fault: 5, site: 9 });
        },
        reference: (given) => ({
          faults: nonFiniteFaultReference(values(given, "x"), values(given, "faults"), { fault: 5, site: 9 }),
        }),
        tolerance: "exact",
      }),
    ),
  ];
});
