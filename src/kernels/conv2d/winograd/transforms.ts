/**
 * The transforms of Winograd's algorithm: from images and weights to matrices in panels, and back.
 *
 * A matrix lies as `[point][panel][row][lane]`, vec4s of channels, so that an invocation's index is its place in a point's matrix: rows are tiles, or output
 * channels for weights. Each invocation transforms one tile of one vec4 of channels, columns first. Bound by memory: a tile of 4x4 outputs has 36 vec4s where
 * the image has 16. Those of tiles that fill up the last rows are zeros, since the filter gradient sums over tiles.
 */
import { kernel, wgsl } from "../../../gpu/kernel.ts";
import { memoise, unroll } from "../../unroll.ts";
import { type Matrix, type TileAlgorithm, transpose } from "./algorithm.ts";

/** The linear combination of values with a matrix row's coefficients. */
function combine(coefficients: readonly number[], value: (index: number) => string): string {
  const terms = coefficients.flatMap((coefficient, index) => {
    if (coefficient === 0) return [];
    const size = Math.abs(coefficient);
    const factor = size === 1 ? "" : `${Number.isInteger(size) ? `${size}.0` : size} * `;
    return [`${coefficient < 0 ? "-" : "+"} ${factor}${value(index)}`];
  });
  return terms.join(" ").replace(/^\+ /, "");
}

/** `t_i_j = sum over k of matrix[i][k] value(k)` for one column j of a tile. */
const columnOf = (matrix: Matrix, j: number, value: (k: number) => string) =>
  unroll(matrix.length, (i) => `let t${i}_${j} = ${combine(matrix[i] ?? [], value)};`);

/** Calls `line` with each element of the transformed tile: `sum over k of matrix[j][k] t_i_k`. */
const rowsOf = (rows: number, matrix: Matrix, line: (i: number, j: number, value: string) => string) =>
  unroll(rows * matrix.length, (index) => {
    const [i, j] = [Math.floor(index / matrix.length), index % matrix.length];
    return line(
      i,
      j,
      combine(matrix[j] ?? [], (k) => `t${i}_${k}`),
    );
  });

/** Loads a tile's points from `at` on and transforms their columns, to `t_i_j`. */
const loadPoints = (size: number, matrix: Matrix, at: string) =>
  unroll(
    size,
    (j) => wgsl`
    ${unroll(size, (k) => `let point${k}_${j} = points[${k * size + j} * params.count + ${at}];`)}
    ${columnOf(matrix, j, (k) => `point${k}_${j}`)}`,
  );

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

interface Transform {
  readonly lanes: number;
  readonly algorithm: TileAlgorithm;
}

const nameOf = (noun: string, { lanes, algorithm }: Transform) =>
  `conv2d_winograd_${noun}_${algorithm.name}_${lanes}`;

/** Extents of an image `[n, h, w, 4 quads]` and of its tiles; `rows` of a panel, `count` of vec4s of a point's matrix. */
const imageParams = {
  n: "i32",
  h: "i32",
  w: "i32",
  quads: "i32",
  top: "i32", // row of the image where the first tile begins
  left: "i32",
  tilesY: "i32",
  tilesX: "i32",
  rows: "i32",
  count: "i32",
} as const;

/** `tile`, its image and first pixel, and its vec4 of channels, from the invocation's index. */
const locate = (step: number) => wgsl`
    let lane_quad = i32(i) % lanes;
    let tile = i32(i) / lanes % params.rows;
    let quad_index = i32(i) / (lanes * params.rows) * lanes + lane_quad;
    if ((i32(i) >= params.count) | (quad_index >= params.quads)) { return; }
    let sample = tile / (params.tilesY * params.tilesX);
    let y0 = tile / params.tilesX % params.tilesY * ${step} + params.top;
    let x0 = tile % params.tilesX * ${step} + params.left;`;

/** Pixels of an image's tile to points: `matrix x tile x matrix^T`, for `size x size` pixels, a tile every `step`. */
function fromImage(noun: string, transform: Transform, matrix: Matrix, size: number, step: number) {
  return kernel(nameOf(noun, transform), {
    read: { image: "quad" },
    write: { points: "quad" },
    params: imageParams,
    threads: ({ count }) => count,
    constants: { lanes: transform.lanes },
    body: wgsl`
    ${locate(step)}
    ${unroll(
      size,
      (k) => wgsl`let inY${k} = (sample < params.n) & (y0 + ${k} >= 0) & (y0 + ${k} < params.h);
    let line${k} = (min(sample, params.n - 1) * params.h + clamp(y0 + ${k}, 0, params.h - 1)) * params.w;`,
    )}
    ${unroll(
      size,
      (j) => wgsl`
    let inX${j} = (x0 + ${j} >= 0) & (x0 + ${j} < params.w);
    let column${j} = clamp(x0 + ${j}, 0, params.w - 1);
    ${unroll(size, (k) => `let pixel${k}_${j} = select(quad(0), image[(line${k} + column${j}) * params.quads + quad_index], inY${k} & inX${j});`)}
    ${columnOf(matrix, j, (k) => `pixel${k}_${j}`)}`,
    )}
    ${rowsOf(matrix.length, matrix, (i, j, value) => `points[${i * matrix.length + j} * params.count + i32(i)] = ${value};`)}`,
  });
}

/** x to points. */
export const transformInput = memoise((transform: Transform) => {
  const { input, inputs, outputs } = transform.algorithm;
  return fromImage("input", transform, input, inputs, outputs);
});

/** dy to points. */
export const transformOutputGrad = memoise((transform: Transform) => {
  const { output, outputs } = transform.algorithm;
  return fromImage("output_grad", transform, transpose(output), outputs, outputs);
});

/** Points to y. */
export const transformToOutput = memoise((transform: Transform) => {
  const { output, outputs, points: size } = transform.algorithm;
  return kernel(nameOf("output", transform), {
    read: { points: "quad" },
    write: { image: "quad" },
    params: imageParams,
    threads: ({ count }) => count,
    constants: { lanes: transform.lanes },
    body: wgsl`
    ${locate(outputs)}
    if (sample >= params.n) { return; }
    ${loadPoints(size, output, "i32(i)")}
    ${rowsOf(
      outputs,
      output,
      (i, j, value) => `if ((y0 + ${i} < params.h) & (x0 + ${j} < params.w)) {
      image[((sample * params.h + y0 + ${i}) * params.w + x0 + ${j}) * params.quads + quad_index] = ${value};
    }`,
    )}`,
  });
});

/**
 * Points to dx. Tiles overlap: an invocation walks over all tiles of an image, carries the columns that it shares with the next tile, and adds
 * the rows that it shares with the tiles above to what it wrote there.
 */
export const transformToInputGrad = memoise((transform: Transform) => {
  const { input, inputs, outputs, points: size } = transform.algorithm;
  const back = transpose(input);
  const overlap = inputs - outputs;
  const carries = range(inputs).flatMap((i) => range(overlap).map((j) => `carry${i}_${j}`));
  const put = (i: number, x: string, value: string) =>
    `put(y0 + ${i}, ${x}, at, ${value}, ${i < overlap ? "ty > 0" : "false"});`;
  return kernel(nameOf("input_grad", transform), {
    read: { points: "quad" },
    update: { image: "quad" },
    params: imageParams,
    threads: ({ n, count, rows }) => (count / rows) * n,
    constants: { lanes: transform.lanes },
    declarations: wgsl`
fn put(y: i32, x: i32, at: i32, value: quad, adds: bool) {
  if ((y < 0) | (y >= params.h) | (x < 0) | (x >= params.w)) { return; }
  let pixel = at + (y * params.w + x) * params.quads;
  if (adds) { image[pixel] += value; } else { image[pixel] = value; }
}`,
    body: wgsl`
    let lane_quad = i32(i) % lanes;
    let sample = i32(i) / lanes % params.n;
    let panel = i32(i) / (lanes * params.n);
    let quad_index = panel * lanes + lane_quad;
    if ((panel >= params.count / (params.rows * lanes)) | (quad_index >= params.quads)) { return; }
    let at = sample * params.h * params.w * params.quads + quad_index;
    for (var ty = 0; ty < params.tilesY; ty++) {
      let y0 = ty * ${outputs} + params.top;
      ${carries.map((carry) => `var ${carry} = quad(0);`).join("\n      ")}
      for (var tx = 0; tx < params.tilesX; tx++) {
        let x0 = tx * ${outputs} + params.left;
        let tile = (sample * params.tilesY + ty) * params.tilesX + tx;
        let from_point = (panel * params.rows + tile) * lanes + lane_quad;
        ${loadPoints(size, back, "from_point")}
        ${rowsOf(inputs, back, (i, j, value) => {
          if (j < overlap) return put(i, `x0 + ${j}`, `carry${i}_${j} + ${value}`);
          if (j < outputs) return put(i, `x0 + ${j}`, value);
          return `carry${i}_${j - outputs} = ${value};`;
        })}
      }
      let right = params.tilesX * ${outputs} + params.left;
      ${unroll(inputs * overlap, (index) => {
        const [i, j] = [Math.floor(index / overlap), index % overlap];
        return put(i, `right + ${j}`, `carry${i}_${j}`);
      })}
    }`,
  });
});

/** Of weights `[Co, 3, 3, 4 quads]`; rows are output channels. */
const filterParams = { channels: "i32", quads: "i32", rows: "i32", count: "i32" } as const;

/** `row` and `quad_index` from the invocation's index. */
const locateFilter = wgsl`
    let row = i32(i) / lanes % params.rows;
    let quad_index = i32(i) / (lanes * params.rows) * lanes + i32(i) % lanes;
    if ((i32(i) >= params.count) | (quad_index >= params.quads)) { return; }`;

/** Weights to points; rows after the last channel are zeros. */
export const transformWeight = memoise((transform: Transform) => {
  const { weight: matrix } = transform.algorithm;
  return kernel(nameOf("weight", transform), {
    read: { weight: "quad" },
    write: { points: "quad" },
    params: filterParams,
    threads: ({ count }) => count,
    constants: { lanes: transform.lanes },
    body: wgsl`
    ${locateFilter}
    let channel = min(row, params.channels - 1);
    ${unroll(
      3,
      (j) => wgsl`
    ${unroll(3, (k) => `let tap${k}_${j} = select(quad(0), weight[(channel * 9 + ${3 * k + j}) * params.quads + quad_index], row < params.channels);`)}
    ${columnOf(matrix, j, (k) => `tap${k}_${j}`)}`,
    )}
    ${rowsOf(matrix.length, matrix, (i, j, value) => `points[${i * matrix.length + j} * params.count + i32(i)] = ${value};`)}`,
  });
});

/** Points to dweight. */
export const transformToWeightGrad = memoise((transform: Transform) => {
  const { weight, points: size } = transform.algorithm;
  const back = transpose(weight);
  return kernel(nameOf("weight_grad", transform), {
    read: { points: "quad" },
    write: { dweight: "quad" },
    params: filterParams,
    threads: ({ count }) => count,
    constants: { lanes: transform.lanes },
    body: wgsl`
    ${locateFilter}
    if (row >= params.channels) { return; }
    ${loadPoints(size, back, "i32(i)")}
    ${rowsOf(3, back, (i, j, value) => `dweight[(row * 9 + ${3 * i + j}) * params.quads + quad_index] = ${value};`)}`,
  });
});
