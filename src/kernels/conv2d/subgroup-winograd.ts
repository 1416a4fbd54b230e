/**
 * Winograd's algorithm within one kernel, for lavapipe and its texels: forward convolution and input gradient where 12 or 16 channels meet, too few for matrices of points.
 *
 * There (`winograd/`), a tile's points go through memory twice. Here they stay in registers: a team of lanes loads 4x4 pixels, a vec4 of channels a lane, transforms them, multiplies them with the weights'
 * points, which stay where LLVM spills them as in `subgroup-resident.ts`, and adds up 2x2 outputs: F(2x2, 3x3), 16 multiplications in place of 36. Of a row of pixels d and of taps g,
 *
 *     m = (d0 - d2) g0, (d1 + d2) (g0 + g1 + g2) / 2, (d2 - d1) (g0 - g1 + g2) / 2, (d1 - d3) g2
 *     y = m0 + m1 + m2, m1 - m2 - m3
 *
 * so that what isn't a number reaches the sums that it's a term of, and no others. Tiles of 4x4 outputs would take three times the code, which doesn't fit the cache.
 * Input channels are taken 12 or 16 at a time; y holds the sums between. What a tile shares with the next is loaded once, 1.05 times as fast.
 *
 * CPU ms, 64 images, lavapipe, 8 lanes, copies included, in turns with the direct kernels that were fastest, forward and input gradient: 16->16@32 8.8 and 5.7, 9.2 and 6.2; 16->32@16 4.4 and 2.9, 5.2 and 4.3; 16->64@16 9.1 and 6.2,
 * 11.2 and 8.1; 64->16@32 46 and 30, 30 and 21; 12->16@32 6.9 and 4.8, 9.0 and 6.0. Eight channels gain 0 to 1.2 times, four at a time (20->20) lose half; 32->32@16 8.2 and 6.3, where matrices save more in the filter gradient.
 */
import type { Device } from "../../gpu/device.ts";
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { suitsTexels } from "../../gpu/texel-textures.ts";
import { cut, fromLane } from "../subgroups.ts";
import { components, elementOf, memoise, unroll } from "../unroll.ts";
import type { WinogradConfiguration } from "./conv2d.ts";
import {
  type CorrelationArguments,
  correlationParams,
  forwardAsCorrelation,
  inputGradAsCorrelation,
} from "./correlation.ts";
import { type Conv2dShape, outputExtents } from "./shape.ts";
import { spreadRows, teamOf } from "./subgroup-tiles.ts";
import type { chooseWinograd } from "./winograd/choice.ts";
import { panelsLayout } from "./winograd/panels-layout.ts";

interface Tile {
  readonly lanes: number;
  /** Lanes that share a tile, a vec4 of output channels each: all of them, or four. */
  readonly team: number;
  /** Vec4s of input channels at a time. */
  readonly depth: number;
  /** Whether there are more of them. */
  readonly inParts: boolean;
  /** The input gradient's weights. */
  readonly turned: boolean;
}

const four = [0, 1, 2, 3] as const;
type Names = (index: number) => string;

/** The points of a row of taps, and of a row of pixels. Two taps' sum is shared: roundings of weights are the same for all pixels, so they don't average out. */
const ofTaps = (g: Names) => [
  g(0),
  `0.5 * ((${g(0)} + ${g(2)}) + ${g(1)})`,
  `0.5 * ((${g(0)} + ${g(2)}) - ${g(1)})`,
  g(2),
];
const ofPixels = (d: Names) => [
  `${d(0)} - ${d(2)}`,
  `${d(1)} + ${d(2)}`,
  `${d(2)} - ${d(1)}`,
  `${d(1)} - ${d(3)}`,
];

type Transform = (names: Names) => readonly string[];

/** The points of a column: `${to}${row}_${column}`. */
const downColumn = (from: string, to: string, column: number, transform: Transform) => {
  const points = transform((row) => `${from}${row}_${column}`);
  return unroll(4, (row) => `let ${to}${row}_${column} = ${points[row]};`);
};

/** The points of all rows, from those of their columns. */
const alongRows = (from: string, to: string, transform: Transform) =>
  unroll(4, (row) => {
    const points = transform((column) => `${from}${row}_${column}`);
    return unroll(4, (column) => `let ${to}${row}_${column} = ${points[column]};`);
  });

/** The points of four output channels a lane for each input channel k: `b${k}_${row}_${column}`. */
function loadWeights({ depth, turned }: Tile): string {
  const read = (co: string, tap: number, quad: string) =>
    elementOf(true, "weight", `(${co} * 9 + ${tap}) * params.weightQuads + ${quad}`);
  return unroll(depth, (q) => {
    const taps = unroll(9, (tap) => {
      const [row, column] = [Math.floor(tap / 3), tap % 3];
      const name = (u: number) => `g${4 * q + u}_${row}_${column}`;
      if (turned)
        return unroll(
          4,
          (u) => `let ${name(u)} = ${read(`(4 * (first + ${q}) + ${u})`, 8 - tap, "output")};`,
        );
      const rows = unroll(
        4,
        (j) => `let row${q}_${tap}_${j} = ${read(`(4 * output + ${j})`, tap, `first + ${q}`)};`,
      );
      const turn = components.map(
        (u, k) => `let ${name(k)} = quad(${four.map((j) => `row${q}_${tap}_${j}.${u}`).join(", ")});`,
      );
      return `${rows}\n    ${turn.join("\n    ")}`;
    });
    const points = unroll(4, (u) => {
      const k = 4 * q + u;
      return `${unroll(3, (column) => downColumn(`g${k}_`, `h${k}_`, column, ofTaps))}
    ${alongRows(`h${k}_`, `b${k}_`, ofTaps)}`;
    });
    return `${taps}\n    ${points}`;
  });
}

/** A column of the tile that begins at `left`, a vec4 of channels a lane. */
const loadColumn = (column: number) => wgsl`let ix${column} = left - params.padX + ${column};
    let insideX${column} = (ix${column} >= 0) & (ix${column} < params.wi);
    ${unroll(4, (row) => {
      const pixel = elementOf(true, "x", `(line${row} + ix${column}) * params.depth + first + source`);
      return `let x${row}_${column} = select(quad(0), ${pixel}, insideY${row} & insideX${column});`;
    })}`;

/** Columns that a tile shares with the one before: their points. */
const shared = (line: (row: number, column: number) => string) =>
  unroll(4, (row) => unroll(2, (column) => line(row, column)));

/** Products, and what they add up to: `sum${row}_${column}`. */
function multiply({ lanes, team, depth }: Tile): string {
  const fromPlace = team < lanes ? "quadBroadcast" : fromLane(lanes);
  const product = (r: number, c: number) => {
    const terms = unroll(depth, (q) => {
      const sums = components.map((u, k) => `m${r}_${c} += r.${u} * b${4 * q + k}_${r}_${c};`).join(" ");
      return `{ let r = ${fromPlace}(v${r}_${c}, ${q}u); ${sums} }`;
    });
    return `var m${r}_${c} = quad(0);\n    ${terms}`;
  };
  const along = unroll(4, (r) => {
    return `${unroll(4, (c) => product(r, c))}
    let along${r}_0 = m${r}_0 + m${r}_1 + m${r}_2;
    let along${r}_1 = m${r}_1 - m${r}_2 - m${r}_3;`;
  });
  const down = unroll(2, (c) => {
    return `let sum0_${c} = along0_${c} + along1_${c} + along2_${c};
    let sum1_${c} = along1_${c} - along2_${c} - along3_${c};`;
  });
  return `${along}\n    ${down}`;
}

/** Calls `line` for the four outputs, those first that may lie behind the last row or column: their place is then another's, which comes later. */
const ofOutputs = (line: (output: string) => string) => ["1_1", "1_0", "0_1", "0_0"].map(line).join("\n    ");

const winogradInRegisters = memoise((tile: Tile) => {
  const { lanes, team, depth, inParts, turned } = tile;
  const name = `conv2d_resident_f2_${lanes}_${team}_${4 * depth}`;
  return kernel(`${name}${inParts ? "_parts" : ""}${turned ? "_turned" : ""}`, {
    read: { x: "texels", weight: "texels" },
    write: { y: "quad" },
    // Blocks of output channels; rows of tiles of a workgroup.
    params: { ...correlationParams, weightQuads: "i32", blocks: "i32", share: "i32" },
    groups: ({ n, ho, blocks, share }) => blocks * Math.ceil((n * Math.ceil(ho / 2)) / share),
    subgroups: true,
    workgroupSize: lanes,
    constants: { lanes, team },
    body: wgsl`
    let outputs = params.channels / 4;
    let place = i32(lane) % team;
    let source = min(place, ${depth - 1});
    let output = min(i32(group) % params.blocks * team + place, outputs - 1);
    let tileRows = (params.ho + 1) / 2;
    let begin = i32(group) / params.blocks * params.share;
    let end = min(begin + params.share, params.n * tileRows);
    for (var first = 0; first < params.depth; first += ${depth}) {
      ${loadWeights(tile)}
      for (var start = begin; start < end; start += lanes / team) {
        let row = min(start + i32(lane) / team, end - 1); // behind the last row comes the last row again, with the same sums
        let top = row % tileRows * 2;
        let image = row / tileRows;
        ${unroll(
          4,
          (r) => wgsl`let iy${r} = top - params.padY + ${r};
        let insideY${r} = (iy${r} >= 0) & (iy${r} < params.hi);
        let line${r} = (image * params.hi + iy${r}) * params.wi;`,
        )}
        let line = image * params.ho + top;
        let below = image * params.ho + min(top + 1, params.ho - 1);
        ${shared((row, column) => `var shared${row}_${column}: quad;`)}
        {
          const left = 0;
          ${unroll(2, loadColumn)}
          ${unroll(2, (column) => downColumn("x", "d", column, ofPixels))}
          ${shared((row, column) => `shared${row}_${column} = d${row}_${column};`)}
        }
        for (var left = 0; left < params.wo; left += 2) {
          ${loadColumn(2)}
          ${loadColumn(3)}
          let right = min(left + 1, params.wo - 1);
          let at0_0 = (line * params.wo + left) * outputs + output;
          let at0_1 = (line * params.wo + right) * outputs + output;
          let at1_0 = (below * params.wo + left) * outputs + output;
          let at1_1 = (below * params.wo + right) * outputs + output;
          ${ofOutputs((o) => (inParts ? `var before${o} = quad(0); if (first > 0) { before${o} = y[at${o}]; }` : ""))}
          ${cut("params.n < 0")}
          ${shared((row, column) => `let d${row}_${column} = shared${row}_${column};`)}
          ${downColumn("x", "d", 2, ofPixels)}
          ${downColumn("x", "d", 3, ofPixels)}
          ${alongRows("d", "v", ofPixels)}
          ${multiply(tile)}
          ${ofOutputs((o) => `y[at${o}] = ${inParts ? `before${o} + ` : ""}sum${o};`)}
          ${shared((row, column) => `shared${row}_${column} = d${row}_${column + 2};`)}
        }
      }
    }`,
  });
});

/** Vec4s of channels at a time; undefined where there are too many for one kernel, or left-overs. */
const depthOf = (quads: number) => [4, 3].find((depth) => quads % depth === 0);

/** The fewer of input and output channels; where both have more, matrices of points are faster. */
const mostChannels = 16;

/** Where a convolution's images are read as texels, and one side has few channels, but more than the direct kernels are as fast for. */
function suits(device: Device, shape: Conv2dShape): boolean {
  const { n, h, w, ci, co, kh, kw, stride, paddingH, paddingW } = shape;
  const { ho, wo } = outputExtents(shape);
  const isTile = kh === 3 && kw === 3 && stride === 1 && paddingH <= 2 && paddingW <= 2;
  const isNarrow = Math.min(ci, co) > 8 && Math.min(ci, co) <= mostChannels;
  const divides = [ci, co].every((channels) => channels % 4 === 0 && depthOf(channels / 4) !== undefined);
  const images = [n * h * w * ci, n * ho * wo * co];
  const fits = images.every((size) => suitsTexels(device, { byteLength: 4 * size }));
  return isTile && isNarrow && divides && fits;
}

function correlate(
  device: Device,
  { correlation, x, y, weight, weightQuads, turned }: CorrelationArguments,
): void {
  const { n, ho, depth: inputs, channels } = correlation;
  const depth = depthOf(inputs) ?? inputs;
  const lanes = device.info.subgroupSize;
  const team = teamOf(lanes, channels);
  const tile = { lanes, team, depth, inParts: inputs > depth, turned };
  const spread = spreadRows(n * Math.ceil(ho / 2), channels, tile);
  winogradInRegisters(tile)(device, { x, weight, y, ...correlation, weightQuads, ...spread });
}

const inRegisters: WinogradConfiguration = {
  forward: (device, args) => forwardAsCorrelation(device, args, (args) => correlate(device, args)),
  backward: (device, { dx, ...args }) => {
    if (dx) inputGradAsCorrelation(device, { ...args, dx }, (args) => correlate(device, args));
  },
  weightGrad: false,
  kept: { input: 0, weight: 0 },
};

/** Winograd's algorithm where it's faster: by matrices of points, as `chooseByMatrices` says, or for few channels in registers. */
export const chooseWinogradSubgroup = (
  device: Device,
  shape: Conv2dShape,
  chooseByMatrices: typeof chooseWinograd,
): WinogradConfiguration | undefined =>
  chooseByMatrices(device, shape, panelsLayout(device)) ?? (suits(device, shape) ? inRegisters : undefined);
