/** A batch's images in parts whose transformed tensors fit the adapter's bindings. */
import type { BufferView } from "../../../gpu/buffers.ts";
import type { Device } from "../../../gpu/device.ts";
import type { Conv2dShape } from "../shape.ts";
import type { TileAlgorithm } from "./algorithm.ts";
import type { Layout } from "./layout.ts";
import { WinogradPlan } from "./plan.ts";

export interface Part {
  readonly plan: WinogradPlan;
  readonly firstImage: number;
}

/** Bindings begin at multiples of 256 bytes: at every sixteenth image, since channels come in fours. */
const imagesOfAlignment = 16;

/** The whole batch, or parts as even as may be; none if few images are too many. @param limit bytes of a binding */
export function partsOf(
  device: Device,
  layout: Layout,
  shape: Conv2dShape,
  algorithm: TileAlgorithm,
  limit = device.limits.maxStorageBufferBindingSize,
): readonly Part[] {
  const { n } = shape;
  const planOf = (images: number) => new WinogradPlan(layout, { ...shape, n: images }, algorithm);
  for (let count = 1; count <= n; count++) {
    const images = count === 1 ? n : Math.ceil(n / count / imagesOfAlignment) * imagesOfAlignment;
    const plan = planOf(images);
    const largest = Math.max(plan.bytes(plan.x), plan.bytes(plan.y));
    if (largest > limit) continue;
    return Array.from({ length: Math.ceil(n / images) }, (_, part) => {
      const firstImage = part * images;
      return { firstImage, plan: planOf(Math.min(images, n - firstImage)) };
    });
  }
  return [];
}

/** A part's images: a range of x or dx, or of y or dy. */
export function imagesOf(view: BufferView, { plan, firstImage }: Part, side: "input" | "output"): BufferView {
  const { n, h, w, width } = plan[side];
  const bytes = h * w * width * plan.layout.channels * 4;
  return { buffer: view.buffer, byteOffset: view.byteOffset + firstImage * bytes, byteLength: n * bytes };
}

/** Sums that the filter gradient is made of. */
export const splitsOf = (parts: readonly Part[]): number =>
  parts.reduce((sum, { plan }) => sum + plan.splits, 0);
