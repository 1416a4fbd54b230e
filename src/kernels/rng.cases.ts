import { type KernelCase, view } from "./cases.ts";
import { rngDraw } from "./rng.ts";

const states: [string, number[], number[]][] = [
  ["first", [7, 1, 0, 0], [7, 1, 1, 0]],
  ["carry", [7, 1, 0xffffffff, 3], [7, 1, 0, 4]],
];

export const rngCases: KernelCase[] = states.map(([name, before, after]) => ({
  name: `rng_draw ${name}`,
  covers: [rngDraw],
  inputs: () => ({ state: new Uint32Array(before) }),
  outputs: { ticket: 4, state: 4 },
  types: { ticket: "u32", state: "u32" },
  launch: (device, views) =>
    rngDraw(device, { ticket: view(views, "ticket"), state: view(views, "state"), n: 1 }),
  reference: () => ({ ticket: before, state: after }),
  tolerance: "exact",
}));
