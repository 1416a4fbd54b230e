/**
 * Forward convolution and input gradient, tiled configuration: one implicit GEMM, pixels by output channels, k being taps by input channels.
 *
 * The matrix of patches is never written: an invocation knows where the four pixels whose patches it loads begin, and each vec4 of channels at a tap is one
 * offset further. The tap and the channel move on by a fixed step, as digits with a carry each: a division in the loop would cost a tenth of the arithmetic.
 * Taps outside the image become zeros in the tile.
 *
 * Where the convolution has a stride, its input gradient falls into stride x stride classes of pixels, each a correlation with every stride-th tap.
 */
import { kernel, wgsl } from "../../gpu/kernel.ts";
import {
  type Block,
  blockOf,
  forEachSum,
  invocationsOf,
  sumOverTiles,
  type Tile,
  tileMemory,
  tileName,
} from "../tiled/tile.ts";
import { memoise, unroll } from "../unroll.ts";
import { correlationParams, moduloWgsl, strideClass } from "./correlation.ts";

export interface TiledCorrelation {
  readonly tile: Tile;
  /** For the input gradient: weights `[Co, Kh, Kw, Ci]` are read with taps turned round, Co being the depth. */
  readonly turned: boolean;
}

/** For each of a block's four pixels: the first row and column that it reads, and their element. Pixels past the last read nothing. */
const locate = unroll(
  4,
  (r) => wgsl`
    let pixel${r} = first_row + block_line + ${r};
    let top${r} = select(-0x40000000, pixel${r} / columns % rows * params.inStride + offset_y, pixel${r} < pixels);
    let left${r} = pixel${r} % columns * params.inStride + offset_x;
    let origin${r} = ((pixel${r} / columns / rows * params.hi + top${r}) * params.wi + left${r}) * depth;`,
);

const declarations = (turned: boolean) => wgsl`
${moduloWgsl}

/** Channels at a tap, counted from the pixel's first row and column. */
fn load_pixel(top: i32, left: i32, origin: i32, tap_y: i32, tap_x: i32, channel: i32, inside: bool) -> quad {
  var value = quad(0);
  if (inside & (u32(top + tap_y) < u32(params.hi)) & (u32(left + tap_x) < u32(params.wi))) {
    value = x[origin + (tap_y * params.wi + tap_x) * params.depth + channel];
  }
  return value;
}

/** At a tap, four channels of the depth to an output channel; turned, four input channels from an output channel. */
fn load_weight(co: i32, tap: i32, channel: i32, inside: bool) -> quad {
  var value = quad(0);
  if (inside & (co < params.co)${turned ? " & (channel < params.weightQuads)" : ""}) {
    value = weight[(co * params.kh * params.kw + tap) * params.weightQuads + channel];
  }
  return value;
}`;

export const correlationTiled = memoise(({ tile, turned }: TiledCorrelation) => {
  const stepQuads = tile.depth / 4;
  const pixels: Block = {
    along: "k",
    load: (r) => `load_pixel(top${r}, left${r}, origin${r}, tap_y, tap_x, channel, inside)`,
  };
  const weights: Block = turned
    ? {
        along: "lines",
        load: (j) => `load_weight(channel * 4 + ${j}, tap, (first_column + block_line) / 4, inside)`,
      }
    : { along: "k", load: (j) => `load_weight(first_column + block_line + ${j}, tap, channel, inside)` };
  return kernel(`conv2d_tiled_${tileName(tile)}${turned ? "_turned" : ""}`, {
    read: { x: "quad", weight: "quad" },
    write: { y: "quad" },
    params: {
      ...correlationParams,
      co: "i32",
      weightQuads: "i32", // vec4s of Ci
      tilesDown: "i32", // of the largest class
      tilesAcross: "i32",
      splits: "i32",
    },
    groups: ({ tilesDown, tilesAcross, splits, outStride }) =>
      tilesDown * tilesAcross * splits * outStride * outStride,
    workgroupSize: invocationsOf(tile),
    declarations: `${tileMemory(tile)}${declarations(turned)}`,
    body: wgsl`
    let depth = params.depth;
    let first_column = i32(group) % params.tilesAcross * ${tile.columns};
    let first_row = i32(group) / params.tilesAcross % params.tilesDown * ${tile.rows};
    let part = i32(group) / (params.tilesAcross * params.tilesDown) % params.splits;
    let class_ = i32(group) / (params.tilesAcross * params.tilesDown * params.splits);${strideClass}
    let pixels = params.n * rows * columns;
    if (first_row >= pixels) { return; }
    let taps_y = (params.kh - first_ky + out_stride - 1) / out_stride;
    let taps_x = (params.kw - first_kx + out_stride - 1) / out_stride;
    // k in vec4s, and this part's share of it.
    let quads = taps_y * taps_x * depth;
    let share = (quads + params.splits * ${stepQuads} - 1) / (params.splits * ${stepQuads}) * ${stepQuads};
    let end = min((part + 1) * share, quads);
    ${blockOf(tile)}
    ${locate}
    var channel = (part * share + block_step / 4) % depth;
    var tap_x = (part * share + block_step / 4) / depth % max(taps_x, 1);
    var tap_y = (part * share + block_step / 4) / depth / max(taps_x, 1);
    let step_channel = ${stepQuads} % depth;
    let step_x = ${stepQuads} / depth % max(taps_x, 1);
    let step_y = ${stepQuads} / depth / max(taps_x, 1);
    ${sumOverTiles(tile, {
      loop: `var first = part * share; first < end; first += ${stepQuads}`,
      locate: wgsl`let inside = tap_y < taps_y;
      let ky = first_ky + tap_y * out_stride;
      let kx = first_kx + tap_x * out_stride;
      let tap = ${turned ? "(params.kh - 1 - ky) * params.kw + params.kw - 1 - kx" : "ky * params.kw + kx"};`,
      advance: wgsl`channel += step_channel;
      tap_x += step_x;
      tap_y += step_y;
      if (channel >= depth) { channel -= depth; tap_x += 1; }
      if (tap_x >= taps_x) { tap_x -= taps_x; tap_y += 1; }`,
      a: pixels,
      b: weights,
    })}
    ${forEachSum(
      tile,
      wgsl`let pixel = first_row + row;
      if (pixel >= pixels) { return; }
      let oy = pixel / columns % rows * out_stride + class_y;
      let ox = pixel % columns * out_stride + class_x;
      let image = part * params.n + pixel / columns / rows;
      let start = ((image * params.ho + oy) * params.wo + ox) * params.channels + first_column;`,
      wgsl`if (first_column + column < params.channels) { y[(start + column) / 4] = sum; }`,
    )}`,
  });
});
