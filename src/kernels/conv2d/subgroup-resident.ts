/**
 * Forward convolution and input gradient of few taps and channels, for lavapipe and its texels: all weights of a block of output channels stay in registers, and a team of lanes walks over the image.
 *
 * A workgroup is one subgroup: a team of as many lanes as there are vec4s of output channels, or two of four lanes with rows of their own. A team finishes a strip of a row's pixels within an iteration,
 * with all taps and channels written out, so no loop carries a sum (`gemm/panel-resident.ts` says what that saves). One load brings as many vec4s of the strip's pixels as the team has lanes.
 * Weights are read as the convolution has them, so nothing is packed. What lies behind the last row, pixel or channel is the last one again, computed twice with the same result: a store that is
 * conditional costs as much as a fifth of the kernel.
 *
 * CPU ms, 64 images, 3x3, lavapipe, 8 lanes, in turns with `subgroup-narrow.ts`: 3->16@32 7.1 and 4.8, 16->16@32 19.2 and 13.2, its dx 17.7 and 11.5, 16->32@16 9.6 and 6.1 (dx 6.4 and 5.2),
 * 32->32@16 14.3 and 10.7; in turns with `subgroup-correlation.ts`: 16->64@16 16.9 and 11.2. Rejected for 16->16@32: strips of one pixel and of three (0.9 times as fast as two; more outgrow the cache), a
 * `select` of weights beyond the last channel, which LLVM moves into the loop (22.6 ms in place of 13.7).
 */
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { cut, fromLane } from "../subgroups.ts";
import { components, elementOf, memoise, unroll } from "../unroll.ts";
import type { ResidentTile } from "./subgroup-tiles.ts";

/** Four output channels a lane, for each tap and input channel: `b0`, `b1`, ... */
function loadWeights({ kh, kw, depth, turned }: ResidentTile): string {
  const read = (co: string, tap: number, quad: string) =>
    elementOf(true, "weight", `(${co} * ${kh * kw} + ${tap}) * params.weightQuads + ${quad}`);
  return unroll(kh * kw * depth, (s) => {
    const [tap, channel] = [Math.floor(s / depth), s % depth];
    if (turned) {
      const mirrored = kh * kw - 1 - tap;
      return unroll(4, (u) => `let b${4 * s + u} = ${read(`${4 * channel + u}`, mirrored, "output")};`);
    }
    const rows = unroll(4, (j) => `let row${s}_${j} = ${read(`(4 * output + ${j})`, tap, `${channel}`)};`);
    const turn = components.map((u, k) => {
      return `let b${4 * s + k} = quad(row${s}_0.${u}, row${s}_1.${u}, row${s}_2.${u}, row${s}_3.${u});`;
    });
    return `${rows}\n    ${turn.join("\n    ")}`;
  });
}

/** Vec4s of a row that a strip's taps reach. */
const reach = ({ width, kw, depth }: ResidentTile) => (width + kw - 1) * depth;

/** What the strip's taps reach of each row, a vec4 of channels a lane. */
function loadPixels(tile: ResidentTile): string {
  const { team, kh, depth } = tile;
  return unroll(kh, (ky) =>
    unroll(Math.ceil(reach(tile) / team), (g) => {
      const pixel = `left - params.padX + (place + ${g * team}) / ${depth}`;
      return wgsl`let ix${ky}_${g} = ${pixel};
        let x${ky}_${g} = select(quad(0), ${elementOf(true, "x", `line${ky} + (left - params.padX) * ${depth} + place + ${g * team}`)}, inside${ky} & (ix${ky}_${g} >= 0) & (ix${ky}_${g} < params.wi));`;
    }),
  );
}

function multiply(tile: ResidentTile): string {
  const { lanes, team, kh, kw, depth, width } = tile;
  const fromPlace = team < lanes ? "quadBroadcast" : fromLane(lanes);
  return unroll(depth * kh * kw, (index) => {
    const [channel, ky, kx] = [Math.floor(index / (kh * kw)), Math.floor(index / kw) % kh, index % kw];
    const step = (ky * kw + kx) * depth + channel;
    return unroll(width, (p) => {
      const at = (p + kx) * depth + channel;
      const sums = components.map((u, k) => `sum${p} += r.${u} * b${4 * step + k};`).join(" ");
      return `{ let r = ${fromPlace}(x${ky}_${Math.floor(at / team)}, ${at % team}u); ${sums} }`;
    });
  });
}

export const correlationResident = memoise((tile: ResidentTile) => {
  const { lanes, team, kh, kw, depth, width, turned } = tile;
  const name = [lanes, team, `${kh}x${kw}x${4 * depth}`, width].join("_");
  return kernel(`conv2d_resident_${name}${turned ? "_turned" : ""}`, {
    read: { x: "texels", weight: "texels" },
    write: { y: "quad" },
    params: {
      ...{ n: "i32", hi: "i32", wi: "i32", ho: "i32", wo: "i32", channels: "i32", padY: "i32", padX: "i32" },
      ...{ weightQuads: "i32", blocks: "i32", share: "i32" }, // blocks of output channels; rows of pixels of a workgroup
    },
    groups: ({ n, ho, blocks, share }) => blocks * Math.ceil((n * ho) / share),
    subgroups: true,
    workgroupSize: lanes,
    constants: { lanes, team },
    body: wgsl`
    let outputs = params.channels / 4;
    let place = i32(lane) % team;
    let output = min(i32(group) % params.blocks * team + place, outputs - 1);
    let first = i32(group) / params.blocks * params.share;
    let end = min(first + params.share, params.n * params.ho);
    ${loadWeights(tile)}
    for (var start = first; start < end; start += lanes / team) {
      let row = min(start + i32(lane) / team, end - 1);
      let oy = row % params.ho;
      let imageRow = row / params.ho * params.hi;
      ${unroll(
        kh,
        (ky) => wgsl`let iy${ky} = oy - params.padY + ${ky};
      let inside${ky} = (iy${ky} >= 0) & (iy${ky} < params.hi);
      let line${ky} = (imageRow + iy${ky}) * params.wi * ${depth};`,
      )}
      for (var begin = 0; begin < params.wo; begin += ${width}) {
        let left = min(begin, params.wo - ${width});
        ${loadPixels(tile)}
        ${unroll(width, (p) => `var sum${p} = quad(0);`)}
        ${cut("params.n < 0")}
        ${multiply(tile)}
        let at = (row * params.wo + left) * outputs + output;
        ${unroll(width, (p) => `y[at + ${p} * outputs] = sum${p};`)}
      }
    }`,
  });
});
