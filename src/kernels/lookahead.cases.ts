import { type KernelCase, noise, values, view } from "./cases.ts";
import { lookaheadReference } from "./lookahead.reference.ts";
import { lookaheadSync } from "./lookahead.ts";

const vggParameters = 15_033_280;
const counts = [1, 3, 4, 5, 257, 4099, vggParameters];

export const lookaheadCases: KernelCase[] = counts.flatMap((count) =>
  // With weight 0 the fast copy goes back to the slow one.
  (count === 257 ? [0, 0.3] : [0.3]).map((weight) => ({
    name: `lookahead_sync weight ${weight} [${count}]`,
    covers: [lookaheadSync],
    inputs: () => ({ copy: noise(count, 1), live: noise(count, 2), weight: Float32Array.of(weight) }),
    outputs: { copy: count, live: count },
    launch: (device, views) =>
      lookaheadSync(device, {
        copy: view(views, "copy"),
        live: view(views, "live"),
        weight: view(views, "weight"),
        n: Math.ceil(count / 4),
      }),
    reference: (inputs) => {
      const [w = 0] = Array.from(values(inputs, "weight"));
      const copy = lookaheadReference(values(inputs, "copy"), values(inputs, "live"), w);
      return { copy, live: copy };
    },
    tolerance: { relative: 3 * 2 ** -24, why: "three roundings" },
    bench: count === vggParameters,
    bytes: 16 * count,
  })),
);
