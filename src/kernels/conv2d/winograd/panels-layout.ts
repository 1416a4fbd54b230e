/** Winograd's matrices in panels, for software Vulkan: see `gemm/panel-product.ts`. */
import type { Device } from "../../../gpu/device.ts";
import { suitsTexels } from "../../../gpu/texel-textures.ts";
import { multiplyPanels } from "../../gemm/panels.ts";
import { memoise } from "../../unroll.ts";
import type { Layout, PointProduct } from "./layout.ts";

const layoutOf = memoise(
  (lanes: number): Layout => ({
    lanes,
    channels: 4,
    suitsTexels,
    multiply: (device, product) => multiply(device, lanes, product),
  }),
);

/** For the device's subgroups. */
export const panelsLayout = (device: Device): Layout => layoutOf(device.info.subgroupSize);

function multiply(device: Device, lanes: number, { plan, form, views, matrices }: PointProduct): void {
  const [a, b, y] = views;
  const [ofA, ofB, ofY] = matrices;
  const overTiles = form === "columns_columns";
  multiplyPanels(device, {
    ...{ form, a, b, y, rows: ofY.rows, quads: ofY.panels * lanes, points: plan.points },
    strides: { a: plan.strides(ofA), b: plan.strides(ofB), y: plan.strides(ofY) },
    steps: overTiles ? ofA.rows / 4 : ofA === plan.x ? plan.inputs : plan.outputs,
    splits: overTiles ? plan.splits : 1,
  });
}
