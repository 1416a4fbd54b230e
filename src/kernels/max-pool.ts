/**
 * Max-pool of NHWC images: y = the largest of each window; its gradient goes to the first place where that is. Padding is nowhere in
 * memory: a padded window is cut to what lies in the image, and its places keep the numbers that they have in the whole window.
 *
 * Forward notes in which place of its window each maximum was, so that backward reads one index and one gradient a window
 * instead of finding it again in x (for 2/2 with vec4: 1.25 quads instead of 5), and x needn't be kept. Four indices share a word.
 * Channels that don't come in fours, and windows of more than 256 places, take the scalar kernels with a word an index.
 *
 * Backward gathers, so every element of dx is written once and overlapping windows need no atomics. Where windows don't
 * overlap, a lane writes a whole stride's block from one window. A lane keeps a row and a channel and walks along the width:
 * integer divisions, slow on CPUs, happen once a row.
 *
 * Windows of 2 x 2 side by side, what networks have, get kernels of their own, whose loops are unrolled: CPU ms of VGG's five pools
 * at batch 32 on lavapipe, 7.2 forward and 5.7 backward before, 3.8 and 3.7 now.
 *
 * A window starts from its first element, not from a constant, so all of -Infinity is right. NaN is larger than
 * everything and passes; it's told by its bits, since WGSL lets a compiler assume that comparisons never see one.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, type ParamType, wgsl } from "../gpu/kernel.ts";

type Cell = "quad" | "scalar";

/** Places in a window, as many as there are channels in a cell, and as they're stored. */
export const places = {
  quad: wgsl`
    alias cell = quad;
    alias place = vec4u;
    fn pack(at: vec4u) -> u32 { return at.x | (at.y << 8u) | (at.z << 16u) | (at.w << 24u); }
    fn unpack(word: u32) -> vec4u { return (vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(0xffu); }
    fn is_nan(v: quad) -> vec4<bool> { return (bitcast<vec4u>(v) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u); }`,
  scalar: wgsl`
    alias cell = scalar;
    alias place = u32;
    fn pack(at: u32) -> u32 { return at; }
    fn unpack(word: u32) -> u32 { return word; }
    fn is_nan(v: scalar) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }`,
} as const;

const extents = {
  n: "u32",
  columns: "u32",
  height: "u32",
  width: "u32",
  out_height: "u32",
  out_width: "u32",
} as const;

/**
 * Where a kernel's window comes from. Of constant size, loops over it are unrolled. `rows` and `columns` cut it to the image: where
 * the padding is, `top` and `left` are below 0, and unsigned.
 */
const anyWindow = {
  params: {
    size_h: "u32",
    size_w: "u32",
    stride_h: "u32",
    stride_w: "u32",
    padding_h: "u32",
    padding_w: "u32",
  },
  constants: {},
  start: wgsl`
    let size_h = params.size_h;
    let size_w = params.size_w;
    let stride_h = params.stride_h;
    let stride_w = params.stride_w;
    let padding_h = params.padding_h;
    let padding_w = params.padding_w;`,
  rows: wgsl`
    let first_h = padding_h - min(padding_h, top + padding_h);
    let end_h = min(size_h, params.height - top);`,
  columns: wgsl`
      let first_w = padding_w - min(padding_w, left + padding_w);
      let end_w = min(size_w, params.width - left);`,
} as const;
const twoByTwo = {
  params: {},
  constants: {
    ...{ size_h: 2, size_w: 2, stride_h: 2, stride_w: 2, padding_h: 0, padding_w: 0 },
    ...{ first_h: 0, first_w: 0, end_h: 2, end_w: 2 },
  },
  start: "",
  rows: "",
  columns: "",
} as const;

interface Window<P> {
  readonly params: P;
  readonly constants: Readonly<Record<string, number>>;
  readonly start: string;
  readonly rows: string;
  readonly columns: string;
}
type Params = Readonly<Record<string, ParamType>>;

const forward = <P extends Params>(label: string, cell: Cell, window: Window<P>) =>
  kernel(label, {
    read: { x: cell },
    write: { y: cell, indices: "u32" },
    params: { ...extents, ...window.params },
    constants: window.constants,
    declarations: places[cell],
    body: wgsl`
    if (i >= params.n) { return; }${window.start}
    let row = i / params.columns;
    let column = i - row * params.columns;
    let image = row / params.out_height;
    let top = (row - image * params.out_height) * stride_h - padding_h;
    let down = params.width * params.columns;${window.rows}
    for (var out = 0u; out < params.out_width; out++) {
      let left = out * stride_w - padding_w;${window.columns}
      let corner = ((image * params.height + top) * params.width + left) * params.columns + column;
      var best = x[corner + first_h * down + first_w * params.columns];
      var best_at = place(first_h * size_w + first_w);
      for (var h: u32 = first_h; h < end_h; h++) {
        for (var w: u32 = first_w; w < end_w; w++) {
          if (h + w == first_h + first_w) { continue; }
          let value = x[corner + h * down + w * params.columns];
          let better = (value > best) | is_nan(value);
          let take = better & !is_nan(best);
          best = select(best, value, take);
          best_at = select(best_at, place(h * size_w + w), take);
        }
      }
      let k = (row * params.out_width + out) * params.columns + column;
      y[k] = best;
      indices[k] = pack(best_at);
    }`,
  });

/** y, and the place of each maximum in its window (row-major). */
export const maxPoolForward = forward("max_pool_forward", "quad", anyWindow);
export const maxPoolForwardScalar = forward("max_pool_forward_scalar", "scalar", anyWindow);
export const maxPoolForwardTwoByTwo = forward("max_pool_forward_2_2", "quad", twoByTwo);

const backwardDisjoint = <P extends Params>(label: string, cell: Cell, window: Window<P>) =>
  kernel(label, {
    read: { dy: cell, indices: "u32" },
    write: { dx: cell },
    params: { ...extents, ...window.params, blocks_h: "u32", blocks_w: "u32" },
    constants: window.constants,
    declarations: places[cell],
    body: wgsl`
    if (i >= params.n) { return; }${window.start}
    let row = i / params.columns;
    let column = i - row * params.columns;
    let image = row / params.blocks_h;
    let out_row = row - image * params.blocks_h;
    let top = out_row * stride_h - padding_h;
    let down = params.width * params.columns;
    for (var out = 0u; out < params.blocks_w; out++) {
      let left = out * stride_w - padding_w;
      let corner = ((image * params.height + top) * params.width + left) * params.columns + column;
      var gradient = cell(0);
      var at = place(0);
      if (out_row < params.out_height && out < params.out_width) {
        let k = ((image * params.out_height + out_row) * params.out_width + out) * params.columns + column;
        gradient = dy[k];
        at = unpack(indices[k]);
      }
      for (var h = 0u; h < stride_h; h++) {
        for (var w = 0u; w < stride_w; w++) {
          if ((top + h >= params.height) | (left + w >= params.width)) { continue; }
          let inside = (h < size_h) & (w < size_w);
          let here = at == place(h * size_w + w);
          dx[corner + h * down + w * params.columns] =
            select(cell(0), select(cell(0), gradient, here), inside);
        }
      }
    }`,
  });

/** dx where the stride is at least the window. Blocks of a stride cover the image, also what no window covers. */
export const maxPoolBackwardDisjoint = backwardDisjoint("max_pool_backward_disjoint", "quad", anyWindow);
export const maxPoolBackwardDisjointScalar = backwardDisjoint(
  "max_pool_backward_disjoint_scalar",
  "scalar",
  anyWindow,
);
export const maxPoolBackwardTwoByTwo = backwardDisjoint("max_pool_backward_2_2", "quad", twoByTwo);

const backwardOverlapping = (label: string, cell: Cell) =>
  kernel(label, {
    read: { dy: cell, indices: "u32" },
    write: { dx: cell },
    params: { ...extents, ...anyWindow.params },
    declarations: `${places[cell]}
    // The first window that reaches pixel p along an axis.
    fn first_window(p: u32, size: u32, stride: u32) -> u32 {
      return select(0u, (p - size) / stride + 1u, p >= size);
    }`,
    body: wgsl`
    if (i >= params.n) { return; }
    let row = i / params.columns;
    let column = i - row * params.columns;
    let image = row / params.height;
    let h = row - image * params.height + params.padding_h;
    let first_row = first_window(h, params.size_h, params.stride_h);
    let rows = min(h / params.stride_h + 1u, params.out_height);
    for (var w = params.padding_w; w < params.width + params.padding_w; w++) {
      let first_column = first_window(w, params.size_w, params.stride_w);
      let columns = min(w / params.stride_w + 1u, params.out_width);
      var sum = cell(0);
      for (var out_row = first_row; out_row < rows; out_row++) {
        for (var out = first_column; out < columns; out++) {
          let k = ((image * params.out_height + out_row) * params.out_width + out) * params.columns + column;
          let at = (h - out_row * params.stride_h) * params.size_w + w - out * params.stride_w;
          sum += select(cell(0), dy[k], unpack(indices[k]) == place(at));
        }
      }
      dx[(row * params.width + w - params.padding_w) * params.columns + column] = sum;
    }`,
  });

/** dx where windows overlap: each pixel adds up the windows whose maximum it is. */
export const maxPoolBackwardOverlapping = backwardOverlapping("max_pool_backward_overlapping", "quad");
export const maxPoolBackwardOverlappingScalar = backwardOverlapping(
  "max_pool_backward_overlapping_scalar",
  "scalar",
);

/** An image batch `[images, height, width, channels]` and its windows. */
export interface MaxPoolSize {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly size: readonly [height: number, width: number];
  readonly stride: readonly [height: number, width: number];
  /** At most half the size. */
  readonly padding: readonly [height: number, width: number];
}

/** The output's extents. */
export function maxPoolOutput(pool: MaxPoolSize): [height: number, width: number] {
  const { height, width, size, stride, padding } = pool;
  return [
    Math.floor((height + 2 * padding[0] - size[0]) / stride[0]) + 1,
    Math.floor((width + 2 * padding[1] - size[1]) / stride[1]) + 1,
  ];
}

/** Whether windows of 2 x 2 lie side by side, and channels come in fours. */
export const isTwoByTwo = (pool: MaxPoolSize): boolean =>
  isVectorized(pool) &&
  [...pool.size, ...pool.stride].every((extent) => extent === 2) &&
  pool.padding.every((pixels) => pixels === 0);

const isVectorized = ({ channels, size }: MaxPoolSize) => channels % 4 === 0 && size[0] * size[1] <= 256;

/** u32 words of the indices. */
export function maxPoolIndexWords(pool: MaxPoolSize): number {
  const [outHeight, outWidth] = maxPoolOutput(pool);
  return (pool.images * outHeight * outWidth * pool.channels) / (isVectorized(pool) ? 4 : 1);
}

function parameters(pool: MaxPoolSize) {
  const [out_height, out_width] = maxPoolOutput(pool);
  const [size_h, size_w] = pool.size;
  const [stride_h, stride_w] = pool.stride;
  const [padding_h, padding_w] = pool.padding;
  const columns = isVectorized(pool) ? pool.channels / 4 : pool.channels;
  const { height, width } = pool;
  return {
    ...{ columns, height, width, out_height, out_width },
    ...{ size_h, size_w, stride_h, stride_w, padding_h, padding_w },
  };
}

export function maxPoolRun(
  device: Device,
  views: { x: BufferView; y: BufferView; indices: BufferView },
  pool: MaxPoolSize,
): void {
  const sizes = parameters(pool);
  const args = { ...views, ...sizes, n: pool.images * sizes.out_height * sizes.columns };
  if (isTwoByTwo(pool)) maxPoolForwardTwoByTwo(device, args);
  else (isVectorized(pool) ? maxPoolForward : maxPoolForwardScalar)(device, args);
}

export function maxPoolGrad(
  device: Device,
  views: { dy: BufferView; indices: BufferView; dx: BufferView },
  pool: MaxPoolSize,
): void {
  const sizes = parameters(pool);
  if (sizes.stride_h < sizes.size_h || sizes.stride_w < sizes.size_w) {
    const run = isVectorized(pool) ? maxPoolBackwardOverlapping : maxPoolBackwardOverlappingScalar;
    run(device, { ...views, ...sizes, n: pool.images * pool.height * sizes.columns });
    return;
  }
  const blocks_h = Math.ceil((pool.height + sizes.padding_h) / sizes.stride_h);
  const blocks_w = Math.ceil((pool.width + sizes.padding_w) / sizes.stride_w);
  const args = { ...views, ...sizes, blocks_h, blocks_w, n: pool.images * blocks_h * sizes.columns };
  if (isTwoByTwo(pool)) maxPoolBackwardTwoByTwo(device, args);
  else (isVectorized(pool) ? maxPoolBackwardDisjoint : maxPoolBackwardDisjointScalar)(device, args);
}
