/** What the subgroup convolutions need rearranged: weights in the order of reading, channels filled up to a multiple of 4. Bound by memory. */
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { components, memoise, unroll } from "../unroll.ts";

export interface PackWeightsLayout {
  readonly lanes: number;
  readonly vector: 2 | 4;
  /** Taps follow one another inside a vec4 of the depth, or a vec4 of the depth inside a tap. */
  readonly tapsInside: boolean;
  /** For the input gradient: depth is Co, columns are Ci, taps turned round. */
  readonly turned: boolean;
}

const turnedLoad = (vector: 2 | 4) =>
  unroll(
    4,
    (u) => wgsl`if (depth * 4 + ${u} < params.co) {
      let q = weight[(((depth * 4 + ${u}) * params.kh + ky) * params.kw + kx) * params.inputQuads + column / 4];
      value${u} = ${vector === 4 ? "q" : "select(q.xy, q.zw, column % 4 != 0)"};
    }`,
  );

const straightLoad = (vector: 2 | 4) =>
  unroll(
    vector,
    (j) => wgsl`if (column + ${j} < params.co) {
      let q = weight[(((column + ${j}) * params.kh + ky) * params.kw + kx) * params.inputQuads + depth];
      ${components.map((u, k) => `value${k}.${components[j]} = q.${u};`).join(" ")}
    }`,
  );

/**
 * Weights `[Co, Kh, Kw, Ci]` to `[block][ky][kx][depth/4][4][lane]` or, with `tapsInside`, `[block][ky][depth/4][kx][4][lane]`, each `vector` columns.
 * A thread writes the four vectors of one lane, tap and vec4 of the depth.
 */
export const packWeights = memoise(({ lanes, vector, tapsInside, turned }: PackWeightsLayout) =>
  kernel(`conv2d_pack_weights_${lanes}_${vector}${tapsInside ? "_taps" : ""}${turned ? "_turned" : ""}`, {
    read: { weight: "quad" },
    write: { packed: vector === 4 ? "quad" : "pair" },
    params: {
      count: "u32",
      co: "i32",
      kh: "i32",
      kw: "i32",
      inputQuads: "i32",
      depths: "i32",
      columns: "i32",
    },
    threads: ({ count }) => count,
    constants: { lanes, vector },
    body: wgsl`
    if (i >= params.count) { return; }
    let row = i32(i) / lanes;
    let lanesColumn = i32(i) % lanes;
    let tap = ${tapsInside ? "row % params.kw" : "row / params.depths % params.kw"};
    let depth = ${tapsInside ? "row / params.kw % params.depths" : "row % params.depths"};
    let line = row / (params.kw * params.depths);
    let column = (line / params.kh * lanes + lanesColumn) * vector;
    let ky = ${turned ? "params.kh - 1 - line % params.kh" : "line % params.kh"};
    let kx = ${turned ? "params.kw - 1 - tap" : "tap"};
    ${unroll(4, (u) => `var value${u} = ${vector === 4 ? "quad" : "pair"}(0);`)}
    if (column < params.columns) {
    ${turned ? turnedLoad(vector) : straightLoad(vector)}
    }
    ${unroll(4, (u) => `packed[row * 4 * lanes + ${u} * lanes + lanesColumn] = value${u};`)}`,
  }),
);

/** `[rows, channels]` to `[rows, quads]` vec4s, `n` in all, filled up with zeros. */
export const padChannels = kernel("conv2d_pad_channels", {
  read: { x: "scalar" },
  write: { padded: "quad" },
  params: { n: "u32", channels: "u32", quads: "u32" },
  elementwise: true,
  body: wgsl`
    let channel = i % params.quads * 4u;
    let base = i / params.quads * params.channels + channel;
    padded[i] = quad(${components.map((_, u) => `select(0.0, x[base + ${u}u], channel + ${u}u < params.channels)`).join(", ")});`,
});

/** Back from `[rows, 4 quads]` to `[rows, channels]`, `n` elements in all. */
export const unpadChannels = kernel("conv2d_unpad_channels", {
  read: { padded: "scalar" },
  write: { x: "scalar" },
  params: { n: "u32", channels: "u32", quads: "u32" },
  elementwise: true,
  body: "x[i] = padded[i / params.channels * params.quads * 4u + i % params.channels];",
});
