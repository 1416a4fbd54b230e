import { type KernelCase, noise, values, view } from "./cases.ts";
import { dropoutReference } from "./dropout.reference.ts";
import { applyDropout, dropoutMask } from "./dropout.ts";

const stage1 = 32 * 32 * 32 * 64;
const sizes: [count: number, rate: number][] = [
  [1, 0.5],
  [7, 0.3],
  [255, 0.4],
  [257, 0.999],
  [4099, 0.5],
  [stage1, 0.3],
];

export const dropoutCases: KernelCase[] = sizes.map(([count, rate]) => ({
  name: `dropout_mask [${count}] rate ${rate}`,
  covers: [dropoutMask],
  inputs: () => ({ x: noise(count), ticket: new Uint32Array([0x89abcdef, 0x1234, 0xffffffff, 3]) }),
  outputs: { y: count },
  launch: (device, views) => {
    const { x, ticket, y } = { x: view(views, "x"), ticket: view(views, "ticket"), y: view(views, "y") };
    applyDropout(device, { x, ticket, y }, { count, rate });
  },
  reference: (inputs) => ({ y: dropoutReference(values(inputs, "x"), values(inputs, "ticket"), rate) }),
  tolerance: { relative: 2 ** -23, why: "the rounded scale, and its product" },
  bench: count === stage1,
  bytes: 8 * count,
}));
