/**
 * Average-pool of NHWC images: y = the mean of each window, and its gradient. Bound by memory.
 *
 * Sums go row by row: one chain over a window of 256x256 equal pixels is wrong by 6e-4.
 *
 * The same kernels serve windows of a fixed size and stride and those that divide the image into as many as are wanted
 * (adaptive), save that the former have no divisions. Along an axis, window o goes from floor(o step / over) to floor((o step + extent) / over), both less the padding:
 *
 * | | step | over | extent |
 * |---|---|---|---|
 * | fixed | stride | 1 | size |
 * | adaptive, as PyTorch: from floor(o H / Ho) to ceil((o + 1) H / Ho) | H | Ho | H + Ho - 1 |
 *
 * Backward gathers, as max-pool's: each pixel adds up dy / count of the windows that hold it. A lane keeps a row and a channel (four, where channels come in
 * fours) and walks along the width; the first and the last window that hold a pixel walk along.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";
import { memoise } from "./unroll.ts";

const params = {
  n: "u32",
  counts_padding: "u32",
  columns: "i32",
  height: "i32",
  width: "i32",
  out_height: "i32",
  out_width: "i32",
  step_h: "i32",
  over_h: "i32",
  extent_h: "i32",
  padding_h: "i32",
  step_w: "i32",
  over_w: "i32",
  extent_w: "i32",
  padding_w: "i32",
} as const;

/** `axis_h()` and `axis_w()`; of an axis, what window `o` covers, which windows cover pixel `p`, and how many pixels a window's mean is over. */
const declarationsOf = (isAdaptive: boolean) => wgsl`
    struct Axis { step: i32, over: i32, extent: i32, padding: i32, length: i32, windows: i32 }
    fn axis_h() -> Axis {
      return Axis(params.step_h, ${isAdaptive ? "params.over_h" : 1}, params.extent_h, params.padding_h, params.height, params.out_height);
    }
    fn axis_w() -> Axis {
      return Axis(params.step_w, ${isAdaptive ? "params.over_w" : 1}, params.extent_w, params.padding_w, params.width, params.out_width);
    }
    fn window(a: Axis, o: i32) -> vec2i {
      return vec2i(o * a.step, o * a.step + a.extent) / a.over - a.padding;
    }
    fn inside(a: Axis, range: vec2i) -> vec2i { return clamp(range, vec2i(0), vec2i(a.length)); }
    fn windows(a: Axis, p: i32) -> vec2i {
      let reach = (p + a.padding + 1) * a.over;
      return vec2i((max(reach - a.extent, 0) + a.step - 1) / a.step, min((reach - 1) / a.step + 1, a.windows));
    }
    fn counted(a: Axis, o: i32) -> f32 {
      let whole = window(a, o);
      let range = select(inside(a, whole), whole, params.counts_padding == 1u);
      return f32(range.y - range.x);
    }`;

interface Variant {
  readonly cell: "quad" | "scalar";
  readonly isAdaptive: boolean;
}

const nameOf = (direction: string, { cell, isAdaptive }: Variant) =>
  `average_pool_${direction}_${isAdaptive ? "adaptive_" : ""}${cell}`;

const forwardOf = memoise((variant: Variant) => {
  const { cell, isAdaptive } = variant;
  return kernel(nameOf("forward", variant), {
    read: { x: cell },
    write: { y: cell },
    params,
    declarations: declarationsOf(isAdaptive),
    body: wgsl`
    if (i >= params.n) { return; }
    let row = i32(i) / params.columns;
    let column = i32(i) % params.columns;
    let image = row / params.out_height;
    let out_row = row % params.out_height;
    let across = axis_w();
    let rows = inside(axis_h(), window(axis_h(), out_row));
    let count = counted(axis_h(), out_row);
    for (var out = 0; out < params.out_width; out++) {
      let range = inside(across, window(across, out));
      var sum = ${cell}(0);
      for (var h = rows.x; h < rows.y; h++) {
        var k = ((image * params.height + h) * params.width + range.x) * params.columns + column;
        var line = ${cell}(0);
        for (var w = range.x; w < range.y; w++) {
          line += x[k];
          k += params.columns;
        }
        sum += line;
      }
      y[(row * params.out_width + out) * params.columns + column] = sum / (count * counted(across, out));
    }`,
  });
});

const backwardOf = memoise((variant: Variant) => {
  const { cell, isAdaptive } = variant;
  return kernel(nameOf("backward", variant), {
    read: { dy: cell },
    write: { dx: cell },
    params,
    declarations: declarationsOf(isAdaptive),
    body: wgsl`
    if (i >= params.n) { return; }
    let row = i32(i) / params.columns;
    let column = i32(i) % params.columns;
    let image = row / params.height;
    let down = axis_h();
    let across = axis_w();
    let rows = windows(down, row % params.height);
    let first_rows = counted(down, rows.x);
    var range = vec2i(0);
    var begin = window(across, 0).x;
    var end = window(across, 0).y;
    var first_columns = counted(across, 0);
    for (var w = 0; w < params.width; w++) {
      while (range.y < params.out_width && begin <= w) {
        range.y++;
        begin = window(across, range.y).x;
      }
      while (range.x < range.y && end <= w) {
        range.x++;
        end = window(across, range.x).y;
        first_columns = counted(across, range.x);
      }
      var sum = ${cell}(0);
      for (var out_row = rows.x; out_row < rows.y; out_row++) {
        var in_rows = first_rows;
        if (out_row > rows.x) { in_rows = counted(down, out_row); }
        for (var out = range.x; out < range.y; out++) {
          var in_columns = first_columns;
          if (out > range.x) { in_columns = counted(across, out); }
          let k = ((image * params.out_height + out_row) * params.out_width + out) * params.columns + column;
          sum += dy[k] / (in_rows * in_columns);
        }
      }
      dx[(row * params.width + w) * params.columns + column] = sum;
    }`,
  });
});

/** The windows along an axis; the file's header says how. */
export interface AxisWindows {
  /** Pixels. */
  readonly length: number;
  /** How many windows there are. */
  readonly windows: number;
  readonly step: number;
  readonly over: number;
  readonly extent: number;
  readonly padding: number;
}

export function fixedWindows(length: number, size: number, stride: number, padding: number): AxisWindows {
  const windows = Math.floor((length + 2 * padding - size) / stride) + 1;
  return { length, windows, step: stride, over: 1, extent: size, padding };
}

export function adaptiveWindows(length: number, windows: number): AxisWindows {
  return { length, windows, step: length, over: windows, extent: length + windows - 1, padding: 0 };
}

/** An image batch `[images, height, width, channels]` and its windows. */
export interface AveragePoolSize {
  readonly images: number;
  readonly channels: number;
  readonly height: AxisWindows;
  readonly width: AxisWindows;
  /** Whether the mean of a window counts the padding in it, as zeros. */
  readonly countIncludePad: boolean;
}

const variantOf = ({ channels, height, width }: AveragePoolSize): Variant => ({
  cell: channels % 4 === 0 ? "quad" : "scalar",
  isAdaptive: height.over * width.over > 1,
});

function parameters({ channels, height: h, width: w, countIncludePad }: AveragePoolSize) {
  return {
    ...{ columns: channels % 4 === 0 ? channels / 4 : channels, counts_padding: countIncludePad ? 1 : 0 },
    ...{ height: h.length, width: w.length, out_height: h.windows, out_width: w.windows },
    ...{ step_h: h.step, over_h: h.over, extent_h: h.extent, padding_h: h.padding },
    ...{ step_w: w.step, over_w: w.over, extent_w: w.extent, padding_w: w.padding },
  };
}

export function averagePoolRun(
  device: Device,
  views: { x: BufferView; y: BufferView },
  pool: AveragePoolSize,
): void {
  const sizes = parameters(pool);
  forwardOf(variantOf(pool))(device, {
    ...views,
    ...sizes,
    n: pool.images * sizes.out_height * sizes.columns,
  });
}

export function averagePoolGrad(
  device: Device,
  views: { dy: BufferView; dx: BufferView },
  pool: AveragePoolSize,
): void {
  const sizes = parameters(pool);
  backwardOf(variantOf(pool))(device, { ...views, ...sizes, n: pool.images * sizes.height * sizes.columns });
}
