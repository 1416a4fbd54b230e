/**
 * Depthwise convolution: every output channel sees one input channel, `multiplier` outputs an input. Bound by memory: 2 Kh Kw operations an element.
 *
 * Cells are four channels where there are as many outputs as inputs and they come in fours, otherwise one. A lane keeps a cell and a strip of neighbours along
 * the width, and walks down. Window, stride and dilation are constants, so that everything is unrolled: weights stay in registers, a pixel is loaded once for
 * all taps of a strip that meet it, and what the next row's windows see again is passed on: 1.5 loads an output of a 3x3 filter. The weights lie as `[Kh Kw, Co]`
 * for that, transposed before, and so do their gradients, afterwards.
 *
 * CPU time on lavapipe in units of ReLU's over x, 3x3 on [8, 56, 56, 128] at stride 1 (2): forward 3.0 (2.2), input gradient 3.0 (1.5), filter gradient 3.0 (2.2). Without
 * walking, all 6.75 loads an output: 8.7 (2.6), 8.5 (3.5), 5.3 (1.7). The plain kernels: 58 (14) forward.
 *
 * Forward and input gradient are one kernel: both add up products of cells of a source and taps, in a fixed number of places, so every element is written
 * once. The filter gradient's lanes walk down a strip in the same way, each over a chunk of rows, and sum for all taps; their sums are added up in fixed order.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { inParts } from "../channel-sum.ts";
import { lanesWanted } from "../lanes.ts";
import { launchTranspose } from "../transpose.ts";
import { memoise, unroll } from "../unroll.ts";
import type { ForwardArguments, InputGradArguments, WeightGradArguments } from "./conv2d.ts";
import { type GeneralConv2dShape, outputExtents } from "./shape.ts";

type Cell = "quad" | "scalar";

/** Along an axis: output `to` of a block takes the source's cell `from`, counted from the block's first, times tap `tap`. */
interface Product {
  readonly to: number;
  readonly from: number;
  readonly tap: number;
}

interface Axis {
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding modulo stride. */
  readonly phase: number;
}

type Direction = "forward" | "input_grad";

/** For `block` windows; or for as many pixels, to which taps of windows send whose distance is a multiple of the stride. */
function productsOf(
  direction: Direction,
  block: number,
  { taps, stride, dilation, phase }: Axis,
): readonly Product[] {
  return Array.from({ length: block * taps }, (_, k) => {
    const [to, tap] = [Math.floor(k / taps), k % taps];
    const from =
      direction === "forward" ? to * stride + tap * dilation : (to + phase - tap * dilation) / stride;
    return { to, tap, from };
  }).filter(({ from }) => Number.isInteger(from));
}

/** Cells of the source that products need, in order. */
const cellsIn = (products: readonly Product[]) =>
  [...new Set(products.map(({ from }) => from))].sort((a, b) => a - b);

const range = (count: number) => Array.from({ length: count }, (_, k) => k);
const lines = <A, B>(rows: readonly A[], columns: readonly B[], line: (row: A, column: B) => string) =>
  rows.flatMap((row) => columns.map((column) => line(row, column))).join("\n      ");
/** A name for a place that may be negative. */
const named = (name: string, row: number, column: number) => `${name}${row}_${column}`.replaceAll("-", "m");

/** The least cells of a strip. */
const leastStrip = 4;
const stripOf = (stride: number) => stride * Math.ceil(leastStrip / stride);

interface Gather {
  readonly cell: Cell;
  readonly direction: Direction;
  readonly down: Axis;
  readonly across: Axis;
  /** Whether each cell of y has one of the source, so that weights and pixels can be kept from row to row. */
  readonly keeps: boolean;
}

/** Of a gather: rows of y in a step, rows of the source from step to step, cells of y in a strip, and of the source from strip to strip. */
function blocksOf({ direction, down, across }: Gather) {
  const strip = stripOf(across.stride);
  return direction === "forward"
    ? { rows: 1, down: down.stride, strip: leastStrip, across: leastStrip * across.stride }
    : { rows: down.stride, down: 1, strip, across: strip / across.stride };
}

/** Declares what loads a cell of an image, zeros outside it. */
const cellAt = (cell: Cell, name: string, height: string, width: string, columns: string) => wgsl`
    fn ${name}_at(image: i32, row: i32, at: i32, column: i32) -> ${cell} {
      let line = image * params.${height} + clamp(row, 0, params.${height} - 1);
      let k = line * params.${width} + clamp(at, 0, params.${width} - 1);
      let inside = (u32(row) < u32(params.${height})) & (u32(at) < u32(params.${width}));
      return select(${cell}(0), ${name}[k * params.${columns} + column], inside);
    }`;

const keyOf = (...axes: readonly Axis[]) => axes.map((axis) => Object.values(axis).join("/")).join(" ");

type GatherSizes = Readonly<
  Record<"columns" | "x_columns" | "weight_columns" | "sources" | "sharing", number> &
    Record<"hi" | "wi" | "ho" | "wo" | "offset_y" | "offset_x", number>
>;

/** y = sums of products of x and the filters: the output from the input, or the input's gradient from the output's. */
const gatherOf = memoise((gather: Gather) => {
  const { cell, direction, down, across, keeps } = gather;
  const blocks = blocksOf(gather);
  const rows = productsOf(direction, blocks.rows, down);
  const columns = productsOf(direction, blocks.strip, across);
  const [sourceRows, sourceColumns] = [cellsIn(rows), cellsIn(columns)];
  const kept = keeps ? sourceRows.filter((row) => sourceRows.includes(row + blocks.down)) : [];
  const load = (row: number, column: number) => `x_at(image, top + ${row}, left + ${column}, x_column)`;
  const weights = lines(
    range(down.taps),
    range(across.taps),
    (ky, kx) => `let w${ky}_${kx} = weight[${ky * across.taps + kx} * params.weight_columns + w_column];`,
  );
  const step = wgsl`
      ${lines(sourceRows, sourceColumns, (row, column) => {
        const next = kept.includes(row) ? named("x", row + blocks.down, column) : load(row, column);
        return `${named("x", row, column)} = ${next};`;
      })}
      ${lines(rows, columns, (a, b) => `y${a.to}_${b.to} += ${named("x", a.from, b.from)} * w${a.tap}_${b.tap};`)}`;
  return kernel(`conv2d_depthwise_${direction}_${cell} ${keyOf(down, across)}`, {
    read: { x: cell, weight: cell },
    write: { y: cell },
    params: {
      ...{ n: "u32", columns: "i32", strips: "i32", bands: "i32", band: "i32", steps: "i32" },
      // Cells of the source that a cell of y takes, and cells of y that share one.
      ...{ sources: "i32", sharing: "i32", x_columns: "i32", weight_columns: "i32" },
      ...{ hi: "i32", wi: "i32", ho: "i32", wo: "i32", offset_y: "i32", offset_x: "i32" },
    },
    declarations: cellAt(cell, "x", "hi", "wi", "x_columns"),
    body: wgsl`
    if (i >= params.n) { return; }
    let column = i32(i) % params.columns;
    let block = i32(i) / params.columns;
    let left = block % params.strips * ${blocks.across} + params.offset_x;
    let band = block / params.strips % params.bands * params.band;
    let image = block / (params.strips * params.bands);
    ${lines(sourceRows, sourceColumns, (row, x) => `var ${named("x", row, x)} = ${cell}(0);`)}
    ${
      keeps
        ? wgsl`let x_column = column / params.sharing;
    let w_column = column;
    ${weights}
    {
      let top = band * ${blocks.down} + params.offset_y;
      ${lines(kept, sourceColumns, (row, x) => `${named("x", row + blocks.down, x)} = ${load(row, x)};`)}
    }`
        : ""
    }
    for (var step = band; step < min(band + params.band, params.steps); step++) {
      let top = step * ${blocks.down} + params.offset_y;
      ${lines(range(blocks.rows), range(blocks.strip), (a, b) => `var y${a}_${b} = ${cell}(0);`)}
      ${
        keeps
          ? step
          : wgsl`for (var source = 0; source < params.sources; source++) {
      let x_column = column * params.sources / params.sharing + source;
      let w_column = column * params.sources + source;
      ${weights}
      ${step}
      }`
      }
      let row = step * ${blocks.rows};
      let at = block % params.strips * ${blocks.strip};
      ${lines(
        range(blocks.rows),
        range(blocks.strip),
        (a, b) =>
          `if (row + ${a} < params.ho && at + ${b} < params.wo) { y[((image * params.ho + row + ${a}) * params.wo + at + ${b}) * params.columns + column] = y${a}_${b}; }`,
      )}
    }`,
  });
});

interface WeightGrad extends Pick<Gather, "cell" | "down" | "across"> {
  /** Outputs of a strip, at most a row. */
  readonly strip: number;
}

/** parts[chunk and strip, tap, cell] = sum over the chunk's output rows, in the strip, of dy * x. */
const weightGradOf = memoise(({ cell, down, across, strip }: WeightGrad) => {
  const rows = productsOf("forward", 1, down);
  const columns = productsOf("forward", strip, across);
  const [xRows, xColumns] = [cellsIn(rows), cellsIn(columns)];
  const kept = xRows.filter((row) => xRows.includes(row + down.stride));
  const load = (row: number, column: number) => `x_at(image, top + ${row}, left + ${column}, x_column)`;
  const x = (row: number, column: number) => named("x", row, column);
  const taps = (line: (ky: number, kx: number) => string) =>
    lines(range(down.taps), range(across.taps), line);
  return kernel(`conv2d_depthwise_weight_grad_${cell} ${keyOf(down, across)} ${strip}`, {
    read: { x: cell, dy: cell },
    write: { parts: cell },
    params: {
      ...{
        n: "u32",
        columns: "i32",
        strips: "i32",
        rows: "i32",
        chunk: "i32",
        sharing: "i32",
        x_columns: "i32",
      },
      ...{ hi: "i32", wi: "i32", ho: "i32", wo: "i32", offset_y: "i32", offset_x: "i32" },
    },
    declarations: cellAt(cell, "x", "hi", "wi", "x_columns") + cellAt(cell, "dy", "ho", "wo", "columns"),
    body: wgsl`
    if (i >= params.n) { return; }
    let column = i32(i) % params.columns;
    let part = i32(i) / params.columns;
    // The last strip ends with the row: behind it zeros of dy would meet pixels that no window holds, and zero times NaN is NaN.
    let begin = part % params.strips * ${strip};
    let at = min(begin, params.wo - ${strip});
    ${unroll(strip, (k) => `let at${k} = select(-1, at + ${k}, at + ${k} >= begin);`)}
    let left = at * ${across.stride} + params.offset_x;
    let first = part / params.strips * params.chunk;
    let x_column = column / params.sharing;
    ${taps((ky, kx) => `var w${ky}_${kx} = ${cell}(0);`)}
    ${lines(xRows, xColumns, (row, column) => `var ${x(row, column)} = ${cell}(0);`)}
    for (var row = first; row < min(first + params.chunk, params.rows); row++) {
      let image = row / params.ho;
      let out_row = row % params.ho;
      let top = out_row * ${down.stride} + params.offset_y;
      if (row == first || out_row == 0) {
      ${lines(kept, xColumns, (row, column) => `${x(row + down.stride, column)} = ${load(row, column)};`)}
      }
      ${lines(xRows, xColumns, (row, column) => `${x(row, column)} = ${kept.includes(row) ? x(row + down.stride, column) : load(row, column)};`)}
      ${unroll(strip, (k) => `let dy${k} = dy_at(image, out_row, at${k}, column);`)}
      ${lines(rows, columns, (a, b) => `w${a.tap}_${b.tap} += ${x(a.from, b.from)} * dy${b.to};`)}
    }
    let k = part * ${down.taps * across.taps} * params.columns + column;
    ${taps((ky, kx) => `parts[k + ${ky * across.taps + kx} * params.columns] = w${ky}_${kx};`)}`,
  });
});

function axesOf(shape: GeneralConv2dShape): {
  readonly cell: Cell;
  readonly down: Axis;
  readonly across: Axis;
} {
  const { ci, co, kh, kw, strideH, strideW, dilationH, dilationW, paddingH, paddingW } = shape;
  return {
    cell: ci === co && ci % 4 === 0 ? "quad" : "scalar",
    down: { taps: kh, stride: strideH, dilation: dilationH, phase: paddingH % strideH },
    across: { taps: kw, stride: strideW, dilation: dilationW, phase: paddingW % strideW },
  };
}

const cellsOf = (cell: Cell, channels: number) => (cell === "quad" ? channels / 4 : channels);

/** Calls `use` with the weights as `[Kh Kw, Co]`. */
function withTaps(
  device: Device,
  weight: BufferView,
  { co, kh, kw }: GeneralConv2dShape,
  use: (taps: BufferView) => void,
): void {
  const taps = device.allocate(co * kh * kw * 4, "conv2d taps");
  launchTranspose(device, { x: weight, y: taps, shape: [co, kh * kw], permutation: [1, 0] });
  use(taps);
  device.release(taps);
}

export function launchForwardDepthwise(
  device: Device,
  { shape, x, weight, y }: ForwardArguments<GeneralConv2dShape>,
): void {
  const { n, h: hi, w: wi, ci, co, paddingH, paddingW } = shape;
  const { cell, down, across } = axesOf(shape);
  const still = { down: { ...down, phase: 0 }, across: { ...across, phase: 0 } };
  const [columns, x_columns] = [cellsOf(cell, co), cellsOf(cell, ci)];
  withTaps(device, weight, shape, (weight) =>
    launchGather(
      device,
      { cell, direction: "forward", ...still, keeps: true },
      { x, weight, y },
      {
        ...{
          images: n,
          columns,
          x_columns,
          weight_columns: columns,
          sources: 1,
          sharing: columns / x_columns,
        },
        ...{ hi, wi, ...outputExtents(shape), offset_y: -paddingH, offset_x: -paddingW },
      },
    ),
  );
}

export function launchInputGradDepthwise(
  device: Device,
  { shape, dy, weight, dx }: InputGradArguments<GeneralConv2dShape>,
): void {
  const { n, h: ho, w: wo, ci, co, strideH, strideW, paddingH, paddingW } = shape;
  const { ho: hi, wo: wi } = outputExtents(shape);
  const { cell, down, across } = axesOf(shape);
  const [columns, x_columns] = [cellsOf(cell, ci), cellsOf(cell, co)];
  const sources = x_columns / columns;
  const gather: Gather = { cell, direction: "input_grad", down, across, keeps: sources === 1 };
  withTaps(device, weight, shape, (weight) =>
    launchGather(
      device,
      gather,
      { x: dy, weight, y: dx },
      {
        ...{ images: n, columns, x_columns, weight_columns: x_columns, sources, sharing: 1, hi, wi, ho, wo },
        ...{ offset_y: Math.floor(paddingH / strideH), offset_x: Math.floor(paddingW / strideW) },
      },
    ),
  );
}

/** In as many bands of rows as keep the device busy. */
function launchGather(
  device: Device,
  gather: Gather,
  views: Readonly<Record<"x" | "weight" | "y", BufferView>>,
  { images, ...sizes }: GatherSizes & { readonly images: number },
): void {
  const blocks = blocksOf(gather);
  const strips = Math.ceil(sizes.wo / blocks.strip);
  const steps = Math.ceil(sizes.ho / blocks.rows);
  const walks = images * strips * sizes.columns;
  const band = Math.ceil(steps / Math.min(steps, Math.ceil(lanesWanted(device) / walks)));
  const bands = Math.ceil(steps / band);
  gatherOf(gather)(device, { ...views, ...sizes, n: walks * bands, strips, bands, band, steps });
}

export function launchWeightGradDepthwise(
  device: Device,
  { shape, x, dy, dweight }: WeightGradArguments<GeneralConv2dShape>,
): void {
  const { n, h: hi, w: wi, ci, co, kh, kw, paddingH, paddingW } = shape;
  const { ho, wo } = outputExtents(shape);
  const { cell, down, across } = axesOf(shape);
  const [columns, x_columns] = [cellsOf(cell, co), cellsOf(cell, ci)];
  const rows = n * ho;
  const strip = Math.min(leastStrip, wo);
  const strips = Math.ceil(wo / strip);
  // No lane adds up more than the root of all, so that neither stage is a long chain.
  const lanes = Math.max(lanesWanted(device) / columns, Math.sqrt(rows * wo));
  const chunk = Math.ceil(rows / Math.min(rows, Math.ceil(lanes / strips)));
  const chunks = Math.ceil(rows / chunk);
  const taps = device.allocate(co * kh * kw * 4, "conv2d taps");
  inParts(device, taps, co * kh * kw, chunks * strips, (parts) =>
    weightGradOf({ cell, down: { ...down, phase: 0 }, across: { ...across, phase: 0 }, strip })(device, {
      ...{ x, dy, parts, n: chunks * strips * columns, columns, strips, rows, chunk, x_columns },
      ...{ sharing: columns / x_columns, hi, wi, ho, wo, offset_y: -paddingH, offset_x: -paddingW },
    }),
  );
  launchTranspose(device, { x: taps, y: dweight, shape: [kh * kw, co], permutation: [1, 0] });
  device.release(taps);
}
