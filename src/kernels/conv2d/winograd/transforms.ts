/**
 * The transforms of Winograd's algorithm: from images and weights to a matrix for each point, and back.
 *
 * A matrix lies as `[point][panel][row][lane]`, so that an invocation's index is its place in a point's matrix: rows are tiles, or output
 * channels for weights. Each invocation transforms one tile of one element of channels. In panels, for software, that's a vec4, and a loop walks over the tile's rows of points: written out, the loads and stores of 36 vec4s
 * are three times the code that a processor's cache holds. In whole rows, for GPUs, it's a single channel, where
 * neighbours are contiguous anyway and 36 vec4s would take 144 registers, and all is written out. Bound by memory: a tile of 4x4 outputs has 36 points where
 * the image has 16 pixels. Tiles that fill up a panel's last rows are zeros, since the filter gradient sums over tiles.
 */
import type { Device } from "../../../gpu/device.ts";
import { kernel, wgsl } from "../../../gpu/kernel.ts";
import { elementOf, memoise, unroll } from "../../unroll.ts";
import { type Matrix, type TileAlgorithm, transpose } from "./algorithm.ts";

/** The linear combination of values with a matrix row's coefficients. */
function combine(coefficients: readonly number[] = [], value: (index: number) => string): string {
  const terms = coefficients.flatMap((coefficient, index) => {
    if (coefficient === 0) return [];
    const size = Math.abs(coefficient);
    const factor = size === 1 ? "" : `${Number.isInteger(size) ? `${size}.0` : size} * `;
    return [`${coefficient < 0 ? "-" : "+"} ${factor}${value(index)}`];
  });
  return terms.join(" ").replace(/^\+ /, "");
}

const each = (rows: number, columns: number, line: (i: number, j: number) => string) =>
  unroll(rows * columns, (index) => line(Math.floor(index / columns), index % columns));

/** Factors of the row of points that a loop is at: of each row of points, the coefficients in turn. */
const factorsOf = (rows: Matrix) =>
  unroll(rows[0]?.length ?? 0, (k) => {
    const chosen = rows
      .map((row) => `f32(${row[k]})`)
      .reduce((rest, value, at) => `select(${rest}, ${value}, at == ${at})`);
    return `let factor${k} = ${chosen};`;
  });

/** A tile's values `value${i}_${j}` to points, `matrix x tile x matrix^T`, from `first` on. */
function toPoints({ lanes }: Transform, matrix: Matrix, first: string): string {
  const [size, columns] = [matrix.length, range(matrix[0]?.length ?? 0)];
  const row = (at: string, column: (j: number) => string) => wgsl`
    ${unroll(columns.length, (j) => `let t${at}_${j} = ${column(j)};`)}
    ${unroll(size, (j) => `points[(${at} * ${size} + ${j}) * params.count + ${first}] = ${combine(matrix[j], (k) => `t${at}_${k}`)};`)}`;
  if (lanes === undefined)
    return unroll(size, (i) => row(`${i}`, (j) => combine(matrix[i], (k) => `value${k}_${j}`)));
  return wgsl`for (var at = 0; at < ${size}; at++) {
    ${factorsOf(matrix)}
    ${row("at", (j) => columns.map((k) => `factor${k} * value${k}_${j}`).join(" + "))}
    }`;
}

/** Points from `first` on to a tile's values `value${i}_${j}`, `matrix x points x matrix^T`. */
function fromPoints({ lanes, algorithm }: Transform, matrix: Matrix, first: string): string {
  const [size, values] = [algorithm.points, matrix.length];
  const row = (at: string) => wgsl`
    ${unroll(size, (j) => `let point${at}_${j} = points[(${at} * ${size} + ${j}) * params.count + ${first}];`)}
    ${unroll(values, (j) => `let t${at}_${j} = ${combine(matrix[j], (k) => `point${at}_${k}`)};`)}`;
  if (lanes === undefined)
    return wgsl`${unroll(size, (i) => row(`${i}`))}
    ${each(values, values, (i, j) => `let value${i}_${j} = ${combine(matrix[i], (k) => `t${k}_${j}`)};`)}`;
  return wgsl`${each(values, values, (i, j) => `var value${i}_${j} = quad(0);`)}
    for (var at = 0; at < ${size}; at++) {
    ${row("at")}
    ${factorsOf(transpose(matrix))}
    ${each(values, values, (i, j) => `value${i}_${j} += factor${i} * tat_${j};`)}
    }`;
}

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

interface Transform {
  /** Of a panel; whole rows where it's left out. */
  readonly lanes: number | undefined;
  readonly algorithm: TileAlgorithm;
  /** Whether the image is read as texels. */
  readonly texels?: boolean;
}

const nameOf = (noun: string, { lanes, algorithm }: Transform) =>
  `conv2d_winograd_${noun}_${algorithm.name}_${lanes ?? "rows"}`;

const typeOf = ({ lanes }: Transform) => (lanes === undefined ? "scalar" : "quad");

/** Known when the kernel is generated, or else with each launch. */
const lanesOf = ({ lanes }: Transform) => `let lanes = ${lanes ?? "params.lanes"};`;

/** Extents of an image `[n, h, w, width]` and of its tiles; `rows` and `lanes` of a panel, `count` of elements of a point's matrix. */
const imageParams = {
  n: "i32",
  h: "i32",
  w: "i32",
  width: "i32",
  top: "i32", // row of the image where the first tile begins
  left: "i32",
  tilesY: "i32",
  tilesX: "i32",
  rows: "i32",
  lanes: "i32",
  count: "i32",
} as const;

/** `row` of a point's matrix and element `channel`, from the invocation's index. */
const locate = (transform: Transform) => wgsl`
    ${lanesOf(transform)}
    let place = i32(i) / lanes;
    let panel = place / params.rows;
    let row = place - panel * params.rows;
    let channel = (panel - place) * lanes + i32(i);
    if (channel >= params.width) { return; }`; // so is that of what lies behind the last panel

/** The row's image and first pixel, too. A division takes lavapipe 20 ns: with the row's, three. */
const locateTile = (transform: Transform, step: number) => wgsl`${locate(transform)}
    let tileRow = row / params.tilesX;
    let sample = tileRow / params.tilesY;
    let y0 = (tileRow - sample * params.tilesY) * ${step} + params.top;
    let x0 = (row - tileRow * params.tilesX) * ${step} + params.left;`;

/** Pixels of an image's tile to points: `matrix x tile x matrix^T`, for `size x size` pixels, a tile every `step`. */
function fromImage(noun: string, transform: Transform, matrix: Matrix, size: number, step: number) {
  const element = typeOf(transform);
  const texels = transform.texels === true;
  const pixel = (k: number, j: number) =>
    elementOf(texels, "image", `(line${k} + column${j}) * params.width + channel`);
  return kernel(nameOf(noun, transform), {
    read: { image: texels ? "texels" : element },
    write: { points: element },
    params: imageParams,
    threads: ({ count }) => count,
    body: wgsl`
    ${locateTile(transform, step)}
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
    ${unroll(size, (k) => `let value${k}_${j} = select(${element}(0), ${pixel(k, j)}, inY${k} & inX${j});`)}`,
    )}
    ${toPoints(transform, matrix, "i32(i)")}`,
  });
}

/** x to points. Tiles overlap: each pixel is read 2.25 times for tiles of 4x4, which as texels takes 0.6 to 0.8 times as long, copy included. */
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
  const { output, outputs } = transform.algorithm;
  const element = typeOf(transform);
  return kernel(nameOf("output", transform), {
    read: { points: element },
    write: { image: element },
    params: imageParams,
    threads: ({ count }) => count,
    body: wgsl`
    ${locateTile(transform, outputs)}
    if (sample >= params.n) { return; }
    ${fromPoints(transform, output, "i32(i)")}
    ${each(
      outputs,
      outputs,
      (i, j) => `if ((y0 + ${i} < params.h) & (x0 + ${j} < params.w)) {
      image[((sample * params.h + y0 + ${i}) * params.w + x0 + ${j}) * params.width + channel] = value${i}_${j};
    }`,
    )}`,
  });
});

/** Stores a pixel of dx where it's in the image. */
const putPixel = (element: string) => wgsl`
fn put(y: i32, x: i32, at: i32, value: ${element}, adds: bool) {
  if ((y < 0) | (y >= params.h) | (x < 0) | (x >= params.w)) { return; }
  let pixel = at + (y * params.w + x) * params.width;
  var before = ${element}(0);
  if (adds) { before = image[pixel]; }
  image[pixel] = before + value;
}`;

/**
 * Points in panels to dx. Tiles overlap: an invocation walks over all tiles of an image, carries the columns that it shares with the next tile, and adds
 * the rows that it shares with the tiles above to what it wrote there.
 */
export const transformToInputGradInTurn = memoise((transform: Transform) => {
  const { input, inputs, outputs } = transform.algorithm;
  const back = transpose(input);
  const overlap = inputs - outputs;
  const element = typeOf(transform);
  const carries = range(inputs).flatMap((i) => range(overlap).map((j) => `carry${i}_${j}`));
  const put = (i: number, x: string, value: string) =>
    `put(y0 + ${i}, ${x}, at, ${value}, ${i < overlap ? "ty > 0" : "false"});`;
  return kernel(nameOf("input_grad", transform), {
    read: { points: element },
    update: { image: element },
    params: imageParams,
    threads: ({ n, count, rows }) => (count / rows) * n,
    declarations: putPixel(element),
    body: wgsl`
    ${lanesOf(transform)}
    let place = i32(i) / lanes;
    let panel = place / params.n;
    let sample = place - panel * params.n;
    let channel = (panel - place) * lanes + i32(i);
    if (channel >= params.width) { return; }
    let at = sample * params.h * params.w * params.width + channel;
    for (var ty = 0; ty < params.tilesY; ty++) {
      let y0 = ty * ${outputs} + params.top;
      ${carries.map((carry) => `var ${carry} = ${element}(0);`).join("\n      ")}
      for (var tx = 0; tx < params.tilesX; tx++) {
        let x0 = tx * ${outputs} + params.left;
        let tile = (sample * params.tilesY + ty) * params.tilesX + tx;
        let from_point = (panel * params.rows + tile) * lanes + i32(i) % lanes;
        ${fromPoints(transform, back, "from_point")}
        ${each(inputs, inputs, (i, j) => {
          const value = `value${i}_${j}`;
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

type InputGradArguments = Parameters<ReturnType<typeof transformToInputGradInTurn>>[1];

const toInputGradOfParity = memoise((transform: Transform) => {
  const { input, inputs, outputs } = transform.algorithm;
  const back = transpose(input);
  const element = typeOf(transform);
  const side = (index: number, before: string, after: string) => {
    if (index < inputs - outputs) return [before];
    return index < outputs ? [] : [after];
  };
  return kernel(nameOf("input_grad", transform), {
    read: { points: element },
    update: { image: element },
    params: { ...imageParams, oddY: "i32", oddX: "i32", tilesDown: "i32", tilesAcross: "i32" }, // tiles of this parity
    threads: ({ n, width, tilesDown, tilesAcross }) => n * tilesDown * tilesAcross * width,
    declarations: putPixel(element),
    body: wgsl`
    let channel = i32(i) % params.width;
    let place = i32(i) / params.width;
    let sample = place / (params.tilesAcross * params.tilesDown);
    if (sample >= params.n) { return; }
    let ty = place / params.tilesAcross % params.tilesDown * 2 + params.oddY;
    let tx = place % params.tilesAcross * 2 + params.oddX;
    let y0 = ty * ${outputs} + params.top;
    let x0 = tx * ${outputs} + params.left;
    let at = sample * params.h * params.w * params.width + channel;
    // Where an earlier launch has left the sums of the tiles on this side.
    let above = params.oddY == 1;
    let below = above & (ty + 1 < params.tilesY);
    let before = params.oddX == 1;
    let after = before & (tx + 1 < params.tilesX);
    let from_point = ((sample * params.tilesY + ty) * params.tilesX + tx) * params.width + channel;
    ${fromPoints(transform, back, "from_point")}
    ${each(inputs, inputs, (i, j) => {
      const earlier = [...side(i, "above", "below"), ...side(j, "before", "after")];
      return `put(y0 + ${i}, x0 + ${j}, at, value${i}_${j}, ${earlier.join(" | ") || "false"});`;
    })}`,
  });
});

/**
 * Points in whole rows to dx. Tiles overlap with their neighbours only, which differ in parity: four launches for even and odd rows and columns of tiles, each of which
 * adds to what those before it left.
 */
export const transformToInputGradByParity =
  (transform: Transform) => (device: Device, args: InputGradArguments) => {
    for (let parity = 0; parity < 4; parity++) {
      const [oddY, oddX] = [parity >> 1, parity & 1];
      const tilesDown = Math.ceil((args.tilesY - oddY) / 2);
      const tilesAcross = Math.ceil((args.tilesX - oddX) / 2);
      if (tilesDown * tilesAcross === 0) continue;
      toInputGradOfParity(transform)(device, { ...args, oddY, oddX, tilesDown, tilesAcross });
    }
  };

/** Of weights `[Co, 3, 3, width]`; rows are output channels. */
const filterParams = { channels: "i32", width: "i32", rows: "i32", lanes: "i32", count: "i32" } as const;

/** Weights to points; rows after the last channel are zeros. */
export const transformWeight = memoise((transform: Transform) => {
  const { weight: matrix } = transform.algorithm;
  const element = typeOf(transform);
  return kernel(nameOf("weight", transform), {
    read: { weight: element },
    write: { points: element },
    params: filterParams,
    threads: ({ count }) => count,
    body: wgsl`
    ${locate(transform)}
    let output = min(row, params.channels - 1);
    ${each(3, 3, (k, j) => `let value${k}_${j} = select(${element}(0), weight[(output * 9 + ${3 * k + j}) * params.width + channel], row < params.channels);`)}
    ${toPoints(transform, matrix, "i32(i)")}`,
  });
});

/** Points to dweight. */
export const transformToWeightGrad = memoise((transform: Transform) => {
  const { weight } = transform.algorithm;
  const element = typeOf(transform);
  return kernel(nameOf("weight_grad", transform), {
    read: { points: element },
    write: { dweight: element },
    params: filterParams,
    threads: ({ count }) => count,
    body: wgsl`
    ${locate(transform)}
    if (row >= params.channels) { return; }
    ${fromPoints(transform, transpose(weight), "i32(i)")}
    ${each(3, 3, (i, j) => `dweight[(row * 9 + ${3 * i + j}) * params.width + channel] = value${i}_${j};`)}`,
  });
});
