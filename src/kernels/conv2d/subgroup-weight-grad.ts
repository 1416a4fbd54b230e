/**
 * Filter gradient, subgroup configuration: a GEMM of dy^T by shifted x, split over rows of pixels.
 *
 * A workgroup is one subgroup. A lane is a column (ky, group of taps, vec4 of Ci) and keeps its taps times 8 to 32 output channels in registers. For
 * each step of a few pixels it loads its own pixels of x, once for all its taps; the lanes together load dy's, which are broadcast. Rows of dy that meet no
 * row of x are skipped. Splits take contiguous rows and are added up in order.
 *
 * The prototype against its GEMM 512^3 interleaved (3x3, N=32, lavapipe, 8 lanes): 1.25 times its GFLOP/s @32x32 and @16, 1.1 @8, 1.85 @4, 1.6 @2. This one, where
 * neighbours were quiet, from buffers: 67 GFLOP/s @16, 60 @8, 106 @4, 101 @2. From texels 16->16@32 takes two thirds of the time. Stores stand in a loop: written out, they're most of the machine code and of the compile time.
 */
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { cut, fromLane } from "../subgroups.ts";
import { components, elementOf, memoise, unroll } from "../unroll.ts";
import { weightGradParams } from "./shape.ts";
import type { Reading, WeightGradTile } from "./subgroup-tiles.ts";

const isPadding = ({ rowPadding, width }: WeightGradTile, column: number) =>
  rowPadding >= 0 && (column < rowPadding || column >= rowPadding + width);

/** Where the rows of a step begin in x and dy; moves on to the next row. */
const locate = (tile: WeightGradTile) =>
  unroll(
    tile.rows,
    (r) => wgsl`
      let some${r} = row + ${r} < endRow;
      let iy${r} = oy * params.stride - params.padY + ky;
      let inside${r} = some${r} & (iy${r} >= 0) & (iy${r} < params.hi);
      let line${r} = (image * params.hi + clamp(iy${r}, 0, params.hi - 1)) * params.wi * inputs + ci;
      let start${r} = (image * params.ho + oy) * params.wo * outputs + firstOutput;
      oy += 1;
      if (oy >= endOy) { oy = firstOy; image += 1; }`,
  );

/** A lane's (pixel, vec4 of Co) pairs of dy, and its pixels of x. */
function load(tile: WeightGradTile & Reading, loaded: number): string {
  const { team, channels, width, rows, taps, rowPadding, texels } = tile;
  const quads = channels / 4;
  const gradients = (r: number) =>
    unroll(Math.ceil((width * quads) / team), (k) => {
      const pair = `(place + ${k * team})`;
      const at = `start${r} + (ox + ${pair} / ${quads}) * outputs + ${pair} % ${quads}`;
      return wgsl`let dy${r}_${k} = select(quad(0), ${elementOf(texels, "dy", at)},
          some${r} & (ox + ${pair} / ${quads} < params.wo));`;
    });
  const column = (p: number) => {
    if (rowPadding >= 0) return `${p - rowPadding}`;
    return taps > 1 ? `ox + ${p} - params.padX + kx` : `(ox + ${p}) * params.stride - params.padX + kx`;
  };
  const pixels = (r: number) =>
    unroll(loaded, (p) => {
      if (isPadding(tile, p)) return "";
      const inside = rowPadding >= 0 ? "" : ` & (ix${r}_${p} >= 0) & (ix${r}_${p} < endX)`;
      const at = `line${r} + clamp(ix${r}_${p}, 0, params.wi - 1) * inputs`;
      return wgsl`let ix${r}_${p} = ${column(p)};
        let x${r}_${p} = select(quad(0), ${elementOf(texels, "x", at)}, inside${r}${inside});`;
    });
  return unroll(rows, (r) => `${gradients(r)}\n${pixels(r)}`);
}

/** For each vec4 of output channels: broadcast its gradients, then all updates of an accumulator together. */
function accumulate(tile: WeightGradTile): string {
  const { lanes, team, channels, width, rows, taps } = tile;
  const quads = channels / 4;
  const fromPlace = team < lanes ? "quadBroadcast" : fromLane(lanes);
  const places = Array.from({ length: rows * width }, (_, k) => [Math.floor(k / width), k % width] as const);
  return unroll(quads, (q) => {
    const broadcasts = places.map(([r, p]) => {
      const pair = p * quads + q;
      return `let g${r}_${p} = ${fromPlace}(dy${r}_${Math.floor(pair / team)}, ${pair % team}u);`;
    });
    const updates = unroll(4 * taps, (index) => {
      const [u, tap] = [Math.floor(index / taps), index % taps];
      return places
        .filter(([, p]) => !isPadding(tile, p + tap))
        .map(([r, p]) => `sum${q * 4 + u}_${tap} += g${r}_${p}.${components[u]} * x${r}_${p + tap};`)
        .join(" ");
    });
    return `{ ${broadcasts.join(" ")}\n    ${updates} }`;
  });
}

function store({ channels, taps }: WeightGradTile): string {
  const choose = (tap: number) =>
    unroll(channels, (k) =>
      k === 0
        ? `var value${tap} = sum0_${tap};`
        : `value${tap} = select(value${tap}, sum${k}_${tap}, k == ${k});`,
    );
  return wgsl`for (var k = 0; k < min(${channels}, (outputs - firstOutput) * 4); k++) {
    ${unroll(taps, choose)}
    ${unroll(taps, (tap) => `if (kx + ${tap} < params.kw) { parts[at + k * next + ${tap} * inputs] = value${tap}; }`)}
    }`;
}

export const weightGradSubgroup = memoise((tile: WeightGradTile & Reading) => {
  const { lanes, team, channels, width, rows, taps, rowPadding, texels } = tile;
  const element = texels ? "texels" : "quad";
  const loaded = taps === 1 ? width : width + taps - 1;
  const teams = lanes / team;
  const name = [lanes, team, channels, width, rows, taps].join("_");
  const suffix = (rowPadding >= 0 ? "_row" : "") + (texels ? "_texels" : "");
  return kernel(`conv2d_weight_grad_subgroup_${name}${suffix}`, {
    read: { x: element, dy: element },
    write: { parts: "quad" },
    params: {
      ...weightGradParams,
      columnGroups: "i32",
      outputGroups: "i32",
      splits: "i32",
    },
    groups: ({ columnGroups, outputGroups, splits }) => columnGroups * outputGroups * (splits / teams),
    subgroups: true,
    workgroupSize: lanes,
    constants: { team, teams, width, taps },
    body: wgsl`
    let inputs = params.inputs;
    let outputs = params.outputs;
    let place = i32(lane) % team;
    let firstColumn = i32(group) % params.columnGroups * team;
    let firstOutput = i32(group) / params.columnGroups % params.outputGroups * ${channels / 4};
    let split = i32(group) / (params.columnGroups * params.outputGroups) * teams + i32(lane) / team;
    let tapGroups = (params.kw + taps - 1) / taps;
    let column = firstColumn + place;
    let ci = column % inputs;
    let kx = column / inputs % tapGroups * taps;
    let ky = column / inputs / tapGroups;
    // Rows of dy that meet the image for at least one of the subgroup's ky, and this split's share of them.
    let firstKy = firstColumn / inputs / tapGroups;
    let lastKy = min((firstColumn + team - 1) / inputs / tapGroups, params.kh - 1);
    let firstOy = max(0, params.padY - lastKy + params.stride - 1) / params.stride;
    let endOy = min(params.ho, max(0, params.hi - 1 + params.padY - firstKy + params.stride) / params.stride);
    let count = max(endOy - firstOy, 0);
    let share = (params.n * count + params.splits - 1) / params.splits;
    let firstRow = split * share;
    let endRow = min(firstRow + share, params.n * count);
    // Behind the last pixel that a tap alone meets: its dy is taken as zero, and zero times a NaN there would be one.
    let endX = ${taps > 1 ? "params.wi" : "min(params.wi, params.wo * params.stride - params.padX + kx)"};
    var image = firstRow / max(count, 1);
    var oy = firstOy + firstRow % max(count, 1);
    ${unroll(channels, (k) => unroll(taps, (tap) => `var sum${k}_${tap} = quad(0);`))}
    for (var step = 0; step < share; step += ${rows}) {
      let row = firstRow + step;
      ${locate(tile)}
      ${rowPadding >= 0 ? "{ const ox = 0;" : "for (var ox = 0; ox < params.wo; ox += width) {"}
      ${load(tile, loaded)}
      ${cut("params.kh < 0")}
      ${accumulate(tile)}
      }
    }
    if (ky >= params.kh) { return; }
    let next = params.kh * params.kw * inputs;
    let at = ((split * outputs + firstOutput) * 4 * params.kh + ky) * params.kw * inputs + kx * inputs + ci;
    ${store(tile)}`,
  });
});
