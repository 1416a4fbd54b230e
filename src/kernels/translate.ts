/**
 * Images padded by reflection, mirrored or not, and moved by whole pixels: what test-time augmentation looks at. An element in, an element
 * out; reflecting as in `augment.ts`.
 */
import { kernel, wgsl } from "../gpu/kernel.ts";
import { reflectWgsl } from "./augment.ts";

export const translateImages = kernel("translate_images", {
  read: { x: "scalar" },
  write: { y: "scalar" },
  params: {
    n: "u32",
    height: "u32",
    width: "u32",
    channels: "u32",
    down: "i32",
    right: "i32",
    mirror: "u32",
  },
  declarations: reflectWgsl,
  elementwise: true,
  body: wgsl`
    let pixel = i / params.channels;
    let line = pixel / params.width;
    let image = line / params.height;
    let row = reflect(i32(line - image * params.height) + params.down, i32(params.height));
    let moved = reflect(i32(pixel - line * params.width) + params.right, i32(params.width));
    let column = select(u32(moved), params.width - 1u - u32(moved), params.mirror == 1u);
    let source = (image * params.height + u32(row)) * params.width + column;
    y[i] = x[source * params.channels + i - pixel * params.channels];`,
});
