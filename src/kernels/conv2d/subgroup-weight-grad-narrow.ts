/**
 * Filter gradient of images of up to four channels, a network's first, subgroup configuration: a lane keeps four output channels by all taps and input channels.
 *
 * A workgroup is one subgroup: a team of as many lanes as there are vec4s of output channels, or two of four lanes with rows of their own. For eight pixels of a row, a lane loads its
 * channels of dy, and the team together the pixels of x that the taps reach, which are broadcast. In `subgroup-weight-grad.ts` lanes are columns (ky, vec4 of Ci), of which there are three.
 *
 * CPU ms in turns with that, 64 images on lavapipe, 8 lanes: 3->16@32 5.6 and 4.2, 3->64@32 21.7 and 14.8. Rejected: more than four input channels (0.85 to 1.0 times as fast), dy from its buffer (0.55).
 */
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { cut, fromLane } from "../subgroups.ts";
import { components, elementOf, memoise, unroll } from "../unroll.ts";
import { weightGradParams } from "./shape.ts";
import type { NarrowWeightGradTile, Reading } from "./subgroup-tiles.ts";

/** dy's pixels, and x's: a pixel of each of the rows a lane. */
function load({ team, kh, kw, width, texels }: NarrowWeightGradTile & Reading): string {
  const gradients = unroll(width, (p) => {
    const at = `(row * params.wo + ox + ${p}) * outputs + output`;
    return `let dy${p} = select(quad(0), ${elementOf(texels, "dy", at)}, some & (ox + ${p} < params.wo));`;
  });
  const pixels = unroll(kh, (ky) =>
    unroll(
      Math.ceil((width + kw - 1) / team),
      (g) => wgsl`let ix${ky}_${g} = ox - params.padX + place + ${g * team};
        let x${ky}_${g} = select(quad(0), ${elementOf(texels, "x", `line${ky} + ix${ky}_${g}`)},
          inside${ky} & (ix${ky}_${g} >= 0) & (ix${ky}_${g} < params.wi));`,
    ),
  );
  return `${gradients}\n    ${pixels}`;
}

/** All updates of an accumulator together. */
function accumulate({ lanes, team, kh, kw, width, inner }: NarrowWeightGradTile): string {
  const fromPlace = team < lanes ? "quadBroadcast" : fromLane(lanes);
  return unroll(kh, (ky) => {
    const broadcasts = unroll(
      width + kw - 1,
      (q) => `let r${q} = ${fromPlace}(x${ky}_${Math.floor(q / team)}, ${q % team}u);`,
    );
    const sums = unroll(kw * inner, (index) => {
      const [kx, u] = [Math.floor(index / inner), index % inner];
      return unroll(width, (p) => `sum${ky * kw + kx}_${u} += r${p + kx}.${components[u]} * dy${p};`);
    });
    return `{ ${broadcasts}\n    ${sums} }`;
  });
}

export const weightGradNarrow = memoise((tile: NarrowWeightGradTile & Reading) => {
  const { lanes, team, kh, kw, width, inner, texels } = tile;
  const element = texels ? "texels" : "quad";
  const taps = kh * kw;
  const name = [lanes, team, `${kh}x${kw}x${inner}`, width].join("_");
  return kernel(`conv2d_weight_grad_narrow_${name}${texels ? "_texels" : ""}`, {
    read: { x: element, dy: element },
    write: { parts: "quad" },
    params: { ...weightGradParams, outputGroups: "i32", splits: "i32" },
    groups: ({ outputGroups, splits }) => (outputGroups * splits) / (lanes / team),
    subgroups: true,
    workgroupSize: lanes,
    constants: { lanes, team },
    body: wgsl`
    let outputs = params.outputs;
    let place = i32(lane) % team;
    let output = min(i32(group) % params.outputGroups * team + place, outputs - 1);
    let split = i32(group) / params.outputGroups * (lanes / team) + i32(lane) / team;
    let rows = params.n * params.ho;
    let share = (rows + params.splits - 1) / params.splits;
    let end = min((split + 1) * share, rows);
    ${unroll(taps * inner, (index) => `var sum${Math.floor(index / inner)}_${index % inner} = quad(0);`)}
    for (var step = 0; step < share; step++) {
      let row = split * share + step;
      let some = row < end;
      let oy = row % params.ho;
      let imageRow = row / params.ho * params.hi;
      ${unroll(
        kh,
        (ky) => wgsl`let iy${ky} = oy - params.padY + ${ky};
      let inside${ky} = some & (iy${ky} >= 0) & (iy${ky} < params.hi);
      let line${ky} = (imageRow + iy${ky}) * params.wi;`,
      )}
      for (var ox = 0; ox < params.wo; ox += ${width}) {
        ${load(tile)}
        ${cut("params.kh < 0")}
        ${accumulate(tile)}
      }
    }
    let at = (split * outputs + output) * 4 * ${taps};
    ${unroll(4 * taps, (index) => {
      const [j, tap] = [Math.floor(index / taps), index % taps];
      const values = components.map((_, u) => (u < inner ? `sum${tap}_${u}.${components[j]}` : "0"));
      return `parts[at + ${j * taps + tap}] = quad(${values.join(", ")});`;
    })}`,
  });
});
