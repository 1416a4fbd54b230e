/**
 * Filter gradient, tiled configuration: a GEMM of output channels by (tap, input channel), k being output pixels.
 *
 * Both factors are contiguous along channels, so nothing is turned round. An invocation loads the same four input channels at the same tap for ever new pixels;
 * the pixel moves on by a fixed step, as digits with a carry each. There are few tiles and many pixels: k is split, and the parts are added up in order.
 */
import { kernel, wgsl } from "../../gpu/kernel.ts";
import {
  blockOf,
  forEachSum,
  invocationsOf,
  sumOverTiles,
  type Tile,
  tileMemory,
  tileName,
} from "../tiled/tile.ts";
import { memoise, unroll } from "../unroll.ts";
import { weightGradParams } from "./shape.ts";

const declarations = wgsl`
fn load_dy(pixel: i32, end: i32, channel: i32) -> quad {
  var value = quad(0);
  if ((pixel < end) & (channel < params.outputs)) { value = dy[pixel * params.outputs + channel]; }
  return value;
}

fn load_x(image: i32, iy: i32, ix: i32, channel: i32, inside: bool) -> quad {
  var value = quad(0);
  if (inside & (u32(iy) < u32(params.hi)) & (u32(ix) < u32(params.wi))) {
    value = x[((image * params.hi + iy) * params.wi + ix) * params.inputs + channel];
  }
  return value;
}`;

/** A block's four pixels, from that at (image, oy, ox) on, and whether they belong to this part. */
const followingPixels = unroll(
  4,
  (r) => wgsl`
      let inside${r} = (pixel + ${r} < end) & has_column;
      let iy${r} = y_${r} * params.stride + shift_y;
      let ix${r} = x_${r} * params.stride + shift_x;
      ${
        r === 3
          ? ""
          : wgsl`let wraps_x${r} = x_${r} + 1 >= params.wo;
      let wraps_y${r} = wraps_x${r} & (y_${r} + 1 >= params.ho);
      let x_${r + 1} = select(x_${r} + 1, 0, wraps_x${r});
      let y_${r + 1} = select(y_${r} + select(0, 1, wraps_x${r}), 0, wraps_y${r});
      let image_${r + 1} = image_${r} + select(0, 1, wraps_y${r});`
      }`,
);

export const weightGradTiled = memoise((tile: Tile) => {
  return kernel(`conv2d_weight_grad_tiled_${tileName(tile)}`, {
    read: { x: "quad", dy: "quad" },
    write: { parts: "quad" },
    params: {
      ...weightGradParams,
      share: "i32", // pixels of a part
      tilesDown: "i32",
      tilesAcross: "i32",
      splits: "i32",
    },
    groups: ({ tilesDown, tilesAcross, splits }) => tilesDown * tilesAcross * splits,
    workgroupSize: invocationsOf(tile),
    declarations: `${tileMemory(tile)}${declarations}`,
    body: wgsl`
    let first_column = i32(group) % params.tilesAcross * ${tile.columns};
    let first_row = i32(group) / params.tilesAcross % params.tilesDown * ${tile.rows};
    let part = i32(group) / (params.tilesAcross * params.tilesDown);
    ${blockOf(tile)}
    // The vec4 of (tap, input channel) that this invocation loads.
    let line = (first_column + block_line) / 4;
    let channel = line % params.inputs;
    let shift_x = line / params.inputs % params.kw - params.padX;
    let shift_y = line / params.inputs / params.kw - params.padY;
    let has_column = line < params.kh * params.kw * params.inputs;
    let end = min((part + 1) * params.share, params.n * params.ho * params.wo);
    var pixel = part * params.share + block_step;
    var ox = pixel % params.wo;
    var oy = pixel / params.wo % params.ho;
    var image = pixel / params.wo / params.ho;
    let step_x = ${tile.depth} % params.wo;
    let step_y = ${tile.depth} / params.wo % params.ho;
    let step_image = ${tile.depth} / params.wo / params.ho;
    ${sumOverTiles(tile, {
      loop: `var first = part * params.share; first < end; first += ${tile.depth}`,
      locate: wgsl`let x_0 = ox;
      let y_0 = oy;
      let image_0 = image;
      ${followingPixels}`,
      advance: wgsl`pixel += ${tile.depth};
      ox += step_x;
      oy += step_y;
      image += step_image;
      if (ox >= params.wo) { ox -= params.wo; oy += 1; }
      if (oy >= params.ho) { oy -= params.ho; image += 1; }`,
      a: { along: "lines", load: (r) => `load_dy(pixel + ${r}, end, (first_row + block_line) / 4)` },
      b: { along: "lines", load: (r) => `load_x(image_${r}, iy${r}, ix${r}, channel, inside${r})` },
    })}
    let columns = params.kh * params.kw * params.inputs * 4;
    let rows = params.outputs * 4;
    ${forEachSum(
      tile,
      wgsl`if (first_row + row >= rows) { return; }
      let start = (part * rows + first_row + row) * columns + first_column;`,
      wgsl`if (first_column + column < columns) { parts[(start + column) / 4] = sum; }`,
    )}`,
  });
});
