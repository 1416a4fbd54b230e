/**
 * Forward convolution and input gradient, subgroup configuration: one implicit GEMM, pixels by channels.
 *
 * A workgroup is one subgroup. A lane loads its strips' input pixels (a vec4 of channels each), which are broadcast to all lanes; a lane holds the
 * accumulators of 2 or 4 channels for every pixel of the subgroup. Along a row of taps a strip's pixels are loaded once and move on by one register a tap.
 * Strips are numbered with the image fastest, so a subgroup shares its row where the batch is large, and skips the taps above and below the image.
 * Where the convolution has a stride, its input gradient falls into stride x stride classes of pixels, each a correlation with every stride-th tap.
 *
 * The prototype, without packing, against its GEMM 512^3 interleaved (3x3, N=32, lavapipe, 8 lanes): 1.2 to 1.3 times its GFLOP/s @32x32, 1.3 to 1.4 @16, 1.45
 * @8, 1.6 @4, 2.0 @2, where most taps of padding are skipped; 16 channels reach 0.75. This one with packing, where neighbours were quiet: 71 to 73 GFLOP/s @8,
 * 70 to 78 @4, from buffers; texels take 0.6 to 0.7 times as long. Rejected in the prototype: the taps of a row unrolled (slower: the loop's code doesn't fit).
 */
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { fromLane } from "../subgroups.ts";
import { components, elementOf, memoise, unroll } from "../unroll.ts";
import { correlationParams, moduloWgsl, strideClass } from "./correlation.ts";
import type { CorrelationTile, Reading } from "./subgroup-tiles.ts";

/** Lines for every strip of a lane, lane and pixel of a strip. */
const forEachPixel = (
  { lanes, strips, width }: CorrelationTile,
  line: (strip: number, lane: number, pixel: number, accumulator: number) => string,
) =>
  unroll(strips * lanes * width, (index) =>
    line(Math.floor(index / (lanes * width)), Math.floor(index / width) % lanes, index % width, index),
  );

const isPadding = ({ rowPadding, width }: CorrelationTile, column: number) =>
  rowPadding >= 0 && (column < rowPadding || column >= rowPadding + width);

/** Where strip s reads: for each of its input columns, the element at channel 0, and whether it lies in the image. */
function locate(tile: CorrelationTile, loaded: number): string {
  const column = (s: number, p: number) => {
    if (tile.rowPadding >= 0) return `${p - tile.rowPadding}`;
    return tile.taps > 1
      ? `left${s} + ${p} + offset_x`
      : `(left${s} + ${p}) * inStride + offset_x + (kx - first_kx) / out_stride`;
  };
  return unroll(tile.strips, (s) => {
    const columns = unroll(loaded, (p) => {
      if (isPadding(tile, p)) return "";
      const inside = tile.rowPadding >= 0 ? "" : ` & (ix${s}_${p} >= 0) & (ix${s}_${p} < params.wi)`;
      return wgsl`let ix${s}_${p} = ${column(s, p)};
      let ok${s}_${p} = inside${s}${inside};
      let at${s}_${p} = (line${s} + clamp(ix${s}_${p}, 0, params.wi - 1)) * depth;`;
    });
    return wgsl`
      let iy${s} = row${s} * inStride + offset_y + step;
      let inside${s} = (iy${s} >= 0) & (iy${s} < params.hi) & (row${s} < rows);
      let line${s} = (image${s} * params.hi + clamp(iy${s}, 0, params.hi - 1)) * params.wi;
      ${columns}`;
  });
}

/** The taps at one vec4 of the depth: load pixels, then for each tap load weights, multiply, move the pixels on. */
function accumulate(tile: CorrelationTile & Reading, loaded: number): string {
  const { lanes, strips, taps, vector, texels } = tile;
  const load = unroll(strips * loaded, (index) => {
    const [s, p] = [Math.floor(index / loaded), index % loaded];
    const element = elementOf(texels, "x", `at${s}_${p} + channel`);
    const value = isPadding(tile, p) ? "quad(0)" : `select(quad(0), ${element}, ok${s}_${p})`;
    return `var pixel${s}_${p} = ${value};`;
  });
  const multiply = wgsl`
        ${unroll(4, (u) => `let w${u} = ${elementOf(texels && vector === 4, "weight", `iw + ${u * lanes}`)};`)}
        ${forEachPixel(tile, (s, lane, p, sum) => {
          const products = components.map((u, k) => ` sum${sum} += r.${u} * w${k};`).join("");
          return `{ let r = ${fromLane(lanes)}(pixel${s}_${p}, ${lane}u);${products} }`;
        })}
        iw += 4 * lanes;`;
  if (taps === 1) return load + multiply;
  const moveOn = unroll(strips * (loaded - 1), (index) => {
    const [s, p] = [Math.floor(index / (loaded - 1)), index % (loaded - 1)];
    return `pixel${s}_${p} = pixel${s}_${p + 1};`;
  });
  return wgsl`${load}
        for (var tap = 0; tap < taps; tap++) {
        ${multiply}
        ${moveOn}
        }`;
}

function store(tile: CorrelationTile): string {
  const { lanes, strips, width } = tile;
  return unroll(strips * lanes, (index) => {
    const [s, lane] = [Math.floor(index / lanes), index % lanes];
    return wgsl`{
      let row = ${fromLane(lanes)}(row${s}, ${lane}u);
      let left = ${fromLane(lanes)}(left${s}, ${lane}u);
      let image = ${fromLane(lanes)}(image${s}, ${lane}u);
      if (channel < params.channels && row < rows) {
        let oy = row * out_stride + class_y;
        let ox = left * out_stride + class_x;
        let at = (((image * params.ho + oy) * params.wo + ox) * params.channels + channel) / vector;
        let next = out_stride * params.channels / vector;
        ${unroll(width, (p) => `if (left + ${p} < columns) { y[at + ${p} * next] = sum${index * width + p}; }`)}
      }
    }`;
  });
}

export const correlationSubgroup = memoise((tile: CorrelationTile & Reading) => {
  const { lanes, width, strips, taps, vector, rowPadding, texels } = tile;
  const element = vector === 4 ? "quad" : "pair";
  const suffix = (rowPadding >= 0 ? "_row" : "") + (texels ? "_texels" : "");
  const loaded = taps === 1 ? width : width + taps - 1;
  return kernel(`conv2d_subgroup_${[lanes, width, strips, taps, vector].join("_")}${suffix}`, {
    read: { x: texels ? "texels" : "quad", weight: texels && vector === 4 ? "texels" : element },
    write: { y: element },
    params: {
      ...correlationParams,
      blocks: "i32", // of channels
      bands: "i32", // of strips, as many as a subgroup takes
    },
    groups: ({ blocks, bands, outStride }) => blocks * bands * outStride * outStride,
    subgroups: true,
    workgroupSize: lanes,
    constants: { lanes, width, strips, taps, vector },
    declarations: moduloWgsl,
    body: wgsl`
    let inStride = params.inStride;
    let depth = params.depth;
    let block = i32(group) % params.blocks;
    let firstStrip = i32(group) / params.blocks % params.bands * (lanes * strips);
    let class_ = i32(group) / (params.blocks * params.bands);${strideClass}
    let rowStrips = (columns + width - 1) / width;
    if (columns <= 0 || firstStrip >= rows * rowStrips * params.n) { return; }
    let firstRow = firstStrip / (rowStrips * params.n);
    let lastRow = min((firstStrip + lanes * strips - 1) / (rowStrips * params.n), rows - 1);
    ${unroll(
      strips,
      (s) => wgsl`
    let strip${s} = firstStrip + ${s * lanes} + i32(lane);
    let image${s} = strip${s} % params.n;
    let row${s} = strip${s} / params.n / rowStrips;
    let left${s} = strip${s} / params.n % rowStrips * width;`,
    )}
    ${unroll(lanes * strips * width, (index) => `var sum${index} = ${element}(0);`)}
    // Steps of ky at which at least one strip's row lies in the image.
    let firstStep = max(0, -(lastRow * inStride + offset_y));
    let endStep = min((params.kh - first_ky + out_stride - 1) / out_stride, params.hi - firstRow * inStride - offset_y);
    for (var step = firstStep; step < endStep; step++) {
      var iw = ((block * params.kh + first_ky + step * out_stride) * params.kw + first_kx) * depth * 4 * lanes + i32(lane);
      ${taps === 1 ? "for (var kx = first_kx; kx < params.kw; kx += out_stride) {" : "{"}
      ${locate(tile, loaded)}
      for (var channel = 0; channel < depth; channel++) {
        ${accumulate(tile, loaded)}
      }
      ${taps === 1 ? "iw += (out_stride - 1) * depth * 4 * lanes;" : ""}
      }
    }
    let channel = (block * lanes + i32(lane)) * vector;
    ${store(tile)}`,
  });
});
