/**
 * Forward convolution and input gradient of few output channels, subgroup configuration: a lane holds pixels.
 *
 * A workgroup is one subgroup. A lane holds a strip of output pixels with 4 to 16 channels each. A step loads, for one row of taps and one vec4 of input channels, the pixels that the
 * strip's taps reach; weights are broadcast, each for all pixels of a lane. In `subgroup-correlation.ts` a lane holds channels, and broadcasts four times as often.
 *
 * The taps of a row are written out. An accumulator that a loop carries costs three operations, where an addition is one (lavapipe selects the lanes that are active): once for
 * twelve products, not for four. Whoever reads texels has room for that, where the loads' machine code would fill the cache of 32 KB.
 *
 * `subgroup-resident.ts` is faster where it can be had.
 *
 * CPU ms of 16->16@32, 64 images, on lavapipe, 8 lanes, in one run: strips of 8 pixels 15.7; of 4 17.2; two rows of 4 16.9, three 18.7; 8 channels of 2x8 20.2, of 1x16 20.0; four rows of 4 and taps
 * in a loop, the best from buffers, 17.3, and 18.0 there. `subgroup-correlation.ts` took 1.3 times as long as that.
 */
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { cut, fromLane } from "../subgroups.ts";
import { components, elementOf, memoise, unroll } from "../unroll.ts";
import { correlationParams } from "./correlation.ts";
import type { NarrowTile, Reading } from "./subgroup-tiles.ts";

/** Loads the pixels of a row that the strip's taps reach. */
function loadRow({ width, taps, texels }: NarrowTile & Reading): string {
  return unroll(
    width + taps - 1,
    (p) => wgsl`let ix${p} = left - params.padX + ${p};
        let from${p} = (line + clamp(ix${p}, 0, params.wi - 1)) * params.depth + channel;
        let pixel${p} = select(quad(0), ${elementOf(texels, "x", `from${p}`)}, inside & (ix${p} >= 0) & (ix${p} < params.wi));`,
  );
}

/** One tap: loads its weights, 4 x 4 at a time for each vec4 of output channels, and adds to all pixels. */
function multiply({ lanes, width, quads, texels }: NarrowTile & Reading, tap: number): string {
  const weights = unroll(Math.ceil((4 * quads) / lanes), (k) => {
    const at = `iw + ${tap * 4 * quads + k * lanes}`;
    return `let weights${k} = ${elementOf(texels, "weight", at)};`;
  });
  const products = unroll(quads, (q) => {
    const broadcasts = components.map((u, k) => {
      const [part, lane] = [Math.floor((k * quads + q) / lanes), (k * quads + q) % lanes];
      return `let ${u} = ${fromLane(lanes)}(weights${part}, ${lane}u);`;
    });
    const sums = unroll(width, (p) =>
      components.map((u) => `sum${p}_${q} += pixel${p + tap}.${u} * ${u};`).join(" "),
    );
    return `{ ${broadcasts.join(" ")}\n    ${sums} }`;
  });
  return `{ ${weights}\n    ${products} }`;
}

/** Weights are packed for as many lanes as there are vec4s of channels. */
export const correlationNarrow = memoise((tile: NarrowTile & Reading) => {
  const { lanes, width, taps, quads, texels } = tile;
  const element = texels ? "texels" : "quad";
  return kernel(`conv2d_narrow_${[lanes, width, taps, quads].join("_")}${texels ? "_texels" : ""}`, {
    read: { x: element, weight: element },
    write: { y: "quad" },
    params: {
      ...correlationParams,
      blocks: "i32", // of channels
      strips: "i32",
    },
    groups: ({ blocks, strips }) => blocks * Math.ceil(strips / lanes),
    subgroups: true,
    workgroupSize: lanes,
    constants: { lanes, width, taps, quads },
    body: wgsl`
    let outputs = params.channels / 4;
    let block = i32(group) % params.blocks;
    let firstOutput = block * quads;
    let strip = i32(group) / params.blocks * lanes + i32(lane);
    let rowStrips = (params.wo + width - 1) / width;
    let left = strip % rowStrips * width;
    let oy = strip / rowStrips % params.ho;
    let image = min(strip / (rowStrips * params.ho), params.n - 1);
    ${unroll(width * quads, (index) => `var sum${Math.floor(index / quads)}_${index % quads} = quad(0);`)}
    for (var channel = 0; channel < params.depth; channel++) {
      for (var ky = 0; ky < params.kh; ky++) {
        let iy = oy - params.padY + ky;
        let inside = (iy >= 0) & (iy < params.hi);
        let line = (image * params.hi + clamp(iy, 0, params.hi - 1)) * params.wi;
        let iw = ((block * params.kh + ky) * params.depth + channel) * taps * 4 * quads + i32(lane);
        ${loadRow(tile)}
        ${unroll(taps, (tap) => cut("params.kh < 0") + multiply(tile, tap))}
      }
    }
    if (strip >= params.strips) { return; }
    let at = ((image * params.ho + oy) * params.wo + left) * outputs + firstOutput;
    ${unroll(width * quads, (index) => {
      const [p, q] = [Math.floor(index / quads), index % quads];
      return `if ((left + ${p} < params.wo) & (firstOutput + ${q} < outputs)) { y[at + ${p} * outputs + ${q}] = sum${p}_${q}; }`;
    })}`,
  });
});
