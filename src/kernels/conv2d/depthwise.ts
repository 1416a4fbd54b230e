/**
 * Depthwise convolution: every output channel sees one input channel, `multiplier` outputs an input. Bound by memory: 2 Kh Kw operations an element.
 *
 * Cells are four channels where there are as many outputs as inputs and they come in fours, otherwise one. A lane computes `strip` neighbours along the width
 * of one cell: a filter's row is loaded once for all of them, and a pixel once for all taps that meet it, which follow from width, stride and dilation of the
 * row; those are constants, so that everything is unrolled. The weights lie as `[Kh Kw, Co]` for that, transposed before, and so do their gradients, afterwards.
 *
 * Forward and input gradient are one kernel: both add up products of cells of a source and taps. Its number of windows or pixels is fixed, so every
 * element is written once. The filter gradient has a lane for a row of taps, a cell and a chunk of output rows; the chunks are added up in fixed order.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { inParts } from "../channel-sum.ts";
import { lanesWanted } from "../lanes.ts";
import { launchTranspose } from "../transpose.ts";
import { memoise, unroll } from "../unroll.ts";
import type { ForwardArguments, InputGradArguments, WeightGradArguments } from "./conv2d.ts";
import { windowAt } from "./plain.ts";
import { type GeneralConv2dShape, outputExtents } from "./shape.ts";

type Cell = "quad" | "scalar";

/** What is constant along a row. */
interface Row {
  readonly cell: Cell;
  readonly kw: number;
  readonly stride: number;
  readonly dilation: number;
}

/** Output `to` takes the source's cell `from`, counted from the strip's first, times tap `tap` of the row. */
interface Product {
  readonly to: number;
  readonly from: number;
  readonly tap: number;
}

/** The least cells of a strip: with 4, a 3x3 filter at stride 1 loads 27 cells for 4 outputs instead of 72. */
const leastStrip = 4;

const pairs = ({ kw }: Row, strip: number) =>
  Array.from({ length: strip * kw }, (_, k) => ({ to: Math.floor(k / kw), tap: k % kw }));

const forwardProducts = (row: Row, strip: number): Product[] =>
  pairs(row, strip).map(({ to, tap }) => ({ to, tap, from: to * row.stride + tap * row.dilation }));

/** Pixels to which the taps of windows at a stride send: those whose distance is a multiple of it. */
const inputProducts = (row: Row, strip: number, phase: number): Product[] =>
  pairs(row, strip)
    .map(({ to, tap }) => ({ to, tap, from: (to + phase - tap * row.dilation) / row.stride }))
    .filter(({ from }) => Number.isInteger(from));

/** Declares what loads a cell at `column` of the row that starts at `base`, zeros outside it. */
const cellAt = (cell: Cell, name: string, width: string, columns: string) => wgsl`
    fn ${name}_at(base: i32, at: i32, column: i32) -> ${cell} {
      let k = (base + clamp(at, 0, params.${width} - 1)) * params.${columns} + column;
      return select(${cell}(0), ${name}[k], at >= 0 && at < params.${width});
    }`;

/** A name for a cell at a distance that may be negative. */
const named = (from: number) => `x${from < 0 ? "m" : ""}${Math.abs(from)}`;

const loadAll = (products: readonly Product[], load: (from: number) => string) =>
  [...new Set(products.map(({ from }) => from))]
    .map((from) => `let ${named(from)} = ${load(from)};`)
    .join("\n        ");

interface Gather extends Row {
  readonly direction: "forward" | "input_grad";
  /** Of the input gradient: padding modulo stride. */
  readonly phase: number;
}

const stripOf = (stride: number) => stride * Math.ceil(leastStrip / stride);

/** y = sums of products of x and the filters: the output from the input, or the input's gradient from the output's. */
const gatherOf = memoise((gather: Gather) => {
  const { cell, direction, kw, stride, dilation, phase } = gather;
  const isForward = direction === "forward";
  const strip = isForward ? leastStrip : stripOf(stride);
  const products = isForward ? forwardProducts(gather, strip) : inputProducts(gather, strip, phase);
  return kernel(`conv2d_depthwise_${direction}_${cell} ${kw} / ${stride} x ${dilation} + ${phase}`, {
    read: { x: cell, weight: cell },
    write: { y: cell },
    params: {
      ...{ n: "u32", strips: "i32", columns: "i32", sourceColumns: "i32", weightColumns: "i32" },
      // Cells of the source that a cell of y takes, and cells of y that share one.
      ...{ sources: "i32", sharing: "i32", hi: "i32", wi: "i32", ho: "i32", wo: "i32", kh: "i32" },
      ...{ scaleY: "i32", offsetY: "i32", stepY: "i32", overY: "i32", offsetX: "i32" },
    },
    constants: { strip, advance: isForward ? strip * stride : strip / stride },
    declarations: `${windowAt}${cellAt(cell, "x", "wi", "sourceColumns")}`,
    body: wgsl`
    if (i >= params.n) { return; }
    let column = i32(i) % params.columns;
    let first = i32(i) / params.columns % params.strips;
    let row = i32(i) / (params.columns * params.strips);
    let top = row % params.ho * params.scaleY + params.offsetY;
    let left = first * advance + params.offsetX;
    ${unroll(strip, (k) => `var y${k} = ${cell}(0);`)}
    for (var ky = 0; ky < params.kh; ky++) {
      let iy = window_at(top + ky * params.stepY, params.overY, params.hi);
      if (iy < 0) { continue; }
      let base = (row / params.ho * params.hi + iy) * params.wi;
      for (var source = 0; source < params.sources; source++) {
        let x_column = column * params.sources / params.sharing + source;
        ${loadAll(products, (from) => `x_at(base, left + ${from}, x_column)`)}
        let tap = ky * ${kw} * params.weightColumns + column * params.sources + source;
        ${unroll(kw, (k) => `let w${k} = weight[tap + ${k} * params.weightColumns];`)}
        ${products.map(({ to, from, tap }) => `y${to} += ${named(from)} * w${tap};`).join("\n        ")}
      }
    }
    let at = first * strip;
    ${unroll(strip, (k) => `if (at + ${k} < params.wo) { y[(row * params.wo + at + ${k}) * params.columns + column] = y${k}; }`)}`,
  });
});

/** parts[chunk, tap, cell] = sum over the chunk's output rows of dy * x. */
const weightGradOf = memoise((row: Row) => {
  const { cell, kw, stride } = row;
  const products = forwardProducts(row, leastStrip);
  return kernel(`conv2d_depthwise_weight_grad_${cell} ${kw} / ${stride} x ${row.dilation}`, {
    read: { x: cell, dy: cell },
    write: { parts: cell },
    params: {
      ...{
        n: "u32",
        rows: "i32",
        chunk: "i32",
        columns: "i32",
        xColumns: "i32",
        multiplier: "i32",
        kh: "i32",
      },
      ...{
        h: "i32",
        w: "i32",
        ho: "i32",
        wo: "i32",
        strideH: "i32",
        dilationH: "i32",
        paddingH: "i32",
        paddingW: "i32",
      },
    },
    constants: { strip: leastStrip },
    declarations: cellAt(cell, "x", "w", "xColumns") + cellAt(cell, "dy", "wo", "columns"),
    body: wgsl`
    if (i >= params.n) { return; }
    let column = i32(i) % params.columns;
    let ky = i32(i) / params.columns % params.kh;
    let chunk = i32(i) / (params.columns * params.kh);
    let x_column = column / params.multiplier;
    ${unroll(kw, (k) => `var w${k} = ${cell}(0);`)}
    for (var row = chunk * params.chunk; row < min((chunk + 1) * params.chunk, params.rows); row++) {
      let iy = row % params.ho * params.strideH - params.paddingH + ky * params.dilationH;
      if (iy < 0 || iy >= params.h) { continue; }
      let base = (row / params.ho * params.h + iy) * params.w;
      for (var first = 0; first < params.wo; first += strip) {
        let left = first * ${stride} - params.paddingW;
        ${loadAll(products, (from) => `x_at(base, left + ${from}, x_column)`)}
        ${unroll(leastStrip, (k) => `let dy${k} = dy_at(row * params.wo, first + ${k}, column);`)}
        ${products.map(({ to, from, tap }) => `w${tap} += ${named(from)} * dy${to};`).join("\n        ")}
      }
    }
    let k = (chunk * params.kh + ky) * ${kw} * params.columns + column;
    ${unroll(kw, (k) => `parts[k + ${k} * params.columns] = w${k};`)}`,
  });
});

function rowOf({ ci, co, kw, strideW, dilationW }: GeneralConv2dShape): Row {
  return { cell: ci === co && ci % 4 === 0 ? "quad" : "scalar", kw, stride: strideW, dilation: dilationW };
}

const cellsOf = ({ cell }: Row, channels: number) => (cell === "quad" ? channels / 4 : channels);

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
  const { n, h: hi, w: wi, ci, co, kh, strideH, dilationH, paddingH, paddingW } = shape;
  const { ho, wo } = outputExtents(shape);
  const row = rowOf(shape);
  const [columns, sourceColumns] = [cellsOf(row, co), cellsOf(row, ci)];
  const strips = Math.ceil(wo / leastStrip);
  withTaps(device, weight, shape, (weight) =>
    gatherOf({ ...row, direction: "forward", phase: 0 })(device, {
      ...{
        x,
        weight,
        y,
        n: n * ho * strips * columns,
        strips,
        columns,
        sourceColumns,
        weightColumns: columns,
      },
      ...{ sources: 1, sharing: columns / sourceColumns, hi, wi, ho, wo, kh },
      ...{ scaleY: strideH, offsetY: -paddingH, stepY: dilationH, overY: 1, offsetX: -paddingW },
    }),
  );
}

export function launchInputGradDepthwise(
  device: Device,
  { shape, dy, weight, dx }: InputGradArguments<GeneralConv2dShape>,
): void {
  const { n, h: ho, w: wo, ci, co, kh, strideH, strideW, dilationH, paddingH, paddingW } = shape;
  const { ho: hi, wo: wi } = outputExtents(shape);
  const row = rowOf(shape);
  const [columns, sourceColumns] = [cellsOf(row, ci), cellsOf(row, co)];
  const strips = Math.ceil(wo / stripOf(strideW));
  const phase = paddingW % strideW;
  withTaps(device, weight, shape, (weight) =>
    gatherOf({ ...row, direction: "input_grad", phase })(device, {
      ...{ x: dy, weight, y: dx, n: n * ho * strips * columns, strips, columns, sourceColumns },
      ...{ weightColumns: sourceColumns, sources: sourceColumns / columns, sharing: 1, hi, wi, ho, wo, kh },
      ...{
        scaleY: 1,
        offsetY: paddingH,
        stepY: -dilationH,
        overY: strideH,
        offsetX: (paddingW - phase) / strideW,
      },
    }),
  );
}

export function launchWeightGradDepthwise(
  device: Device,
  { shape, x, dy, dweight }: WeightGradArguments<GeneralConv2dShape>,
): void {
  const { n, h, w, ci, co, kh, kw, strideH, dilationH, paddingH, paddingW } = shape;
  const { ho, wo } = outputExtents(shape);
  const row = rowOf(shape);
  const [columns, xColumns] = [cellsOf(row, co), cellsOf(row, ci)];
  const rows = n * ho;
  const wanted = Math.max(Math.ceil(lanesWanted(device) / (kh * columns)), Math.ceil(Math.sqrt(rows)));
  const chunk = Math.ceil(rows / Math.min(rows, wanted));
  const chunks = Math.ceil(rows / chunk);
  const taps = device.allocate(co * kh * kw * 4, "conv2d taps");
  inParts(device, taps, co * kh * kw, chunks, (parts) =>
    weightGradOf(row)(device, {
      ...{ x, dy, parts, n: chunks * kh * columns, rows, chunk, columns, xColumns, multiplier: co / ci },
      ...{ kh, h, w, ho, wo, strideH, dilationH, paddingH, paddingW },
    }),
  );
  launchTranspose(device, { x: taps, y: dweight, shape: [kh * kw, co], permutation: [1, 0] });
  device.release(taps);
}
