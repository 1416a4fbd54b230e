import { type KernelCase, noise, values, view } from "./cases.ts";
import { lookaheadReference } from "./lookahead.reference.ts";
import { averageUpdate, swapValues } from "./moving-average.ts";

const vggParameters = 15_033_280;
const counts = [1, 3, 4, 5, 257, 4099, vggParameters];

export const movingAverageCases: KernelCase[] = counts.flatMap((count): KernelCase[] => [
  {
    name: `average_update [${count}]`,
    covers: [averageUpdate],
    inputs: () => ({ copy: noise(count, 1), live: noise(count, 2), weight: Float32Array.of(0.1) }),
    outputs: { copy: count },
    launch: (device, views) =>
      averageUpdate(device, {
        copy: view(views, "copy"),
        live: view(views, "live"),
        weight: view(views, "weight"),
        n: Math.ceil(count / 4),
      }),
    reference: (inputs) => {
      const [weight = 0] = Array.from(values(inputs, "weight"));
      return { copy: lookaheadReference(values(inputs, "copy"), values(inputs, "live"), weight) };
    },
    tolerance: { relative: 3 * 2 ** -24, why: "three roundings" },
    bench: count === vggParameters,
    bytes: 12 * count,
  },
  {
    name: `swap_values [${count}]`,
    covers: [swapValues],
    inputs: () => ({ copy: noise(count, 1), live: noise(count, 2) }),
    outputs: { copy: count, live: count },
    launch: (device, views) =>
      swapValues(device, { copy: view(views, "copy"), live: view(views, "live"), n: Math.ceil(count / 4) }),
    reference: (inputs) => ({ copy: values(inputs, "live"), live: values(inputs, "copy") }),
    tolerance: "exact",
    bytes: 16 * count,
  },
]);
