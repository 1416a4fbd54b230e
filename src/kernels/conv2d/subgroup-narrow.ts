/**
 * Forward convolution and input gradient of few output channels, subgroup configuration: a lane holds pixels.
 *
 * A workgroup is one subgroup. A lane holds a few rows of a strip of output pixels, with 4 to 16 channels each, and loads the strip's input, a row a step: what is loaded
 * stays for the rows of taps that still need it. Weights are broadcast, each for all pixels of a lane. Along a row of taps the pixels move on by one register a tap.
 * `subgroup-correlation.ts`, where a lane holds channels and each row of taps loads its own pixels, loads 1.7 times as much for 16 channels and broadcasts four times as often.
 *
 * CPU ms for 64 images on lavapipe, 8 lanes, against that kernel: 16->16@32 14.5 in place of 19.4, 32->16@16 7.0 (8.8), 16->32@16 7.2 (7.9), 4->16@32 5.0 (8.2), 8->8@28, 32 images, 1.9
 * (4.9). Of the first, loads take a third and products half, 26 % of these the selection of active lanes: three operations, where an addition is one, for each
 * accumulator that a loop carries. Rejected: other strips (rows x pixels: 2x8 18.2, 8x2 15.1, 4x6 19.1, 6x4 18.7), taps written out (2x4 26.5: the loop's code has to stay under 32 KB), 32
 * channels at once (27.7), weights from a uniform buffer (15.5).
 */
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { components, fromLane, memoise, unroll } from "../unroll.ts";
import { correlationParams } from "./correlation.ts";
import type { NarrowTile } from "./subgroup-tiles.ts";

const forEachRow = ({ rows }: NarrowTile, columns: number, line: (row: number, column: number) => string) =>
  unroll(rows * columns, (index) => line(Math.floor(index / columns), index % columns));

/** Pixels of a row that a strip's taps reach. */
const reach = ({ width, taps }: NarrowTile) => width + taps - 1;

/** Loads the next row of input, below those that are still needed. */
function loadRow(tile: NarrowTile): string {
  const newest = tile.rows - 1;
  const load = (p: number) => wgsl`let ix${p} = left - params.padX + ${p};
        pixel${newest}_${p} = select(quad(0), x[(line + clamp(ix${p}, 0, params.wi - 1)) * params.depth + channel],
          inside & (ix${p} >= 0) & (ix${p} < params.wi));`;
  return wgsl`
        ${forEachRow(tile, reach(tile), (r, p) => (r < newest ? `pixel${r}_${p} = pixel${r + 1}_${p};` : ""))}
        let iy = top - params.padY + step;
        let inside = (iy >= 0) & (iy < params.hi);
        let line = (image * params.hi + clamp(iy, 0, params.hi - 1)) * params.wi;
        ${unroll(reach(tile), load)}`;
}

/** One tap: loads its weights, 4 x 4 at a time for each vec4 of output channels, and adds to all pixels. */
function multiply(tile: NarrowTile): string {
  const { lanes, width, quads } = tile;
  return wgsl`
          ${unroll(Math.ceil((4 * quads) / lanes), (k) => `let weights${k} = weight[iw + ${k * lanes}];`)}
          ${unroll(quads, (q) => {
            const broadcasts = components.map((u, k) => {
              const [part, lane] = [Math.floor((k * quads + q) / lanes), (k * quads + q) % lanes];
              return `let ${u} = ${fromLane(lanes)}(weights${part}, ${lane}u);`;
            });
            const products = forEachRow(tile, width, (r, p) =>
              components.map((u) => `sum${r}_${p}_${q} += tap${r}_${p}.${u} * ${u};`).join(" "),
            );
            return `{ ${broadcasts.join(" ")}\n    ${products} }`;
          })}`;
}

/** The rows in a loop: stores written out are most of a kernel's machine code. */
function store({ rows, width, quads }: NarrowTile): string {
  return wgsl`for (var r = 0; r < min(${rows}, params.ho - top); r++) {
      let at = ((image * params.ho + top + r) * params.wo + left) * outputs + firstOutput;
      ${unroll(width * quads, (index) => {
        const [p, q] = [Math.floor(index / quads), index % quads];
        const choose = unroll(rows, (r) =>
          r === 0 ? `var value = sum0_${p}_${q};` : `value = select(value, sum${r}_${p}_${q}, r == ${r});`,
        );
        return wgsl`if ((left + ${p} < params.wo) & (firstOutput + ${q} < outputs)) {
        ${choose}
        y[at + ${p} * outputs + ${q}] = value;
      }`;
      })}
    }`;
}

/** Weights are packed for as many lanes as there are vec4s of channels. */
export const correlationNarrow = memoise((tile: NarrowTile) => {
  const { lanes, rows, width, taps, quads } = tile;
  return kernel(`conv2d_narrow_${[lanes, rows, width, taps, quads].join("_")}`, {
    read: { x: "quad", weight: "quad" },
    write: { y: "quad" },
    params: {
      ...correlationParams,
      blocks: "i32", // of channels
      strips: "i32",
    },
    groups: ({ blocks, strips }) => blocks * Math.ceil(strips / lanes),
    subgroups: true,
    workgroupSize: lanes,
    constants: { lanes, rows, width, taps, quads },
    body: wgsl`
    let outputs = params.channels / 4;
    let block = i32(group) % params.blocks;
    let firstOutput = block * quads;
    let strip = i32(group) / params.blocks * lanes + i32(lane);
    let rowStrips = (params.wo + width - 1) / width;
    let bands = (params.ho + rows - 1) / rows;
    let left = strip % rowStrips * width;
    let top = strip / rowStrips % bands * rows;
    let image = min(strip / (rowStrips * bands), params.n - 1);
    ${forEachRow(tile, width * quads, (r, index) => `var sum${r}_${Math.floor(index / quads)}_${index % quads} = quad(0);`)}
    ${forEachRow(tile, reach(tile), (r, p) => `var pixel${r}_${p} = quad(0);`)}
    for (var channel = 0; channel < params.depth; channel++) {
      for (var step = 0; step < rows - 1 + params.kh; step++) {
        ${loadRow(tile)}
        let ky = step - (rows - 1);
        if (ky < 0) { continue; }
        var iw = ((block * params.kh + ky) * params.depth + channel) * taps * 4 * quads + i32(lane);
        ${forEachRow(tile, reach(tile), (r, p) => `var tap${r}_${p} = pixel${r}_${p};`)}
        for (var tap = 0; tap < taps; tap++) {
          ${multiply(tile)}
          iw += 4 * quads;
          ${forEachRow(tile, reach(tile) - 1, (r, p) => `tap${r}_${p} = tap${r}_${p + 1};`)}
        }
      }
    }
    if (strip >= params.strips) { return; }
    ${store(tile)}`,
  });
});
