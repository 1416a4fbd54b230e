/** Winograd's algorithm in registers, on shapes that are large enough to be read as texels. */
import type { Device } from "../../gpu/device.ts";
import { suitsTexels } from "../../gpu/texel-textures.ts";
import type { KernelCase } from "../cases.ts";
import { chosen, conv2dCases, shapeOf, winograd } from "./conv2d.cases.ts";
import type { Conv2dShape } from "./shape.ts";
import { subgroup } from "./subgroup.ts";
import { chooseWinogradSubgroup } from "./subgroup-winograd.ts";
import { tileAlgorithms } from "./winograd/algorithm.ts";

const rows = [
  // Teams of four lanes and of eight, channels at a time and more of them, odd extents, every padding.
  [5, 13, 11, 16, 16, 1, 1],
  [9, 9, 17, 12, 12, 0, 2],
  [3, 16, 15, 12, 16, 2, 0],
  [5, 10, 11, 16, 36, 1, 1],
  [5, 11, 12, 16, 80, 1, 2],
  [5, 15, 9, 24, 16, 0, 1],
  [7, 9, 12, 64, 12, 1, 1],
  // Images of one row, of one column, and smaller than a tile.
  [40, 1, 31, 16, 16, 1, 1],
  [40, 31, 1, 16, 12, 1, 1],
  [290, 3, 3, 12, 48, 0, 0],
] as const;

const algorithm = tileAlgorithms.find(({ name }) => name === "f2");
if (!algorithm) throw new Error("[cases] no algorithm is named f2");
const byMatrices = winograd("winograd", algorithm);

const inRegisters: typeof byMatrices = {
  ...byMatrices,
  title: "winograd in registers",
  launch: {
    ...subgroup,
    forward: (device, args) => (chosenFor(device, args.shape) ?? subgroup).forward(device, args),
    inputGrad: (device, args) => {
      const chosen = chosenFor(device, args.shape);
      if (chosen) chosen.backward(device, { x: args.dy, ...args });
      else subgroup.inputGrad(device, args);
    },
  },
};

/** Undefined where nothing is read as texels: there the direct kernels do it. */
function chosenFor(device: Device, shape: Conv2dShape) {
  const chosen = chooseWinogradSubgroup(device, shape, () => undefined);
  if (chosen || !suitsTexels(device, { byteLength: 2 ** 20 })) return chosen;
  throw new Error("[cases] this shape isn't one for Winograd's algorithm in registers");
}

/** Channels that are as few, but not for it: they don't come in fours, or leave some over. */
const others = [
  [4, 16, 16, 18, 16],
  [4, 16, 16, 16, 18],
  [5, 13, 14, 13, 16],
  [3, 15, 16, 20, 12],
] as const;

export const conv2dWinogradInRegistersCases: readonly KernelCase[] = [
  ...rows.flatMap(([n, h, w, ci, co, paddingH, paddingW]) => {
    const [forward, inputGrad] = conv2dCases(
      inRegisters,
      shapeOf([n, h, w, ci, co, 3, 3, 1, paddingH, paddingW]),
      false,
    );
    return forward && inputGrad ? [forward, inputGrad] : [];
  }),
  ...others.flatMap(([n, h, w, ci, co]) => {
    const shape = shapeOf([n, h, w, ci, co, 3, 3, 1, 1, 1]);
    return conv2dCases({ ...chosen(shape), chosen: false }, shape, false);
  }),
];
