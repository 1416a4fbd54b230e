/**
 * Convolutions of few input channels, such as a network's first, on software Vulkan: windows become rows of a matrix (im2col), which is then multiplied.
 *
 * The direct kernels read a vec4 of channels a tap, one of which is zero for three channels, and do four steps of the sum before the next tap: 14 GFLOP/s for
 * 3->64@32. A window of 3x3 pixels of three channels is 27 values, seven steps in a row. Forward's matrix can be kept for the filter gradient. CPU time of forward
 * and filter gradient: 3->64@32, 32 images, 7.9 ms in place of 10.9; 2x2 3->24@32, 100 images, 9.2 in place of 12.3.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { suitsTexels } from "../../gpu/texel-textures.ts";
import { channelSum } from "../channel-sum.ts";
import { wholeRows } from "../gemm/panel-product.ts";
import { multiplyPanels } from "../gemm/panels.ts";
import { components, memoise, unroll } from "../unroll.ts";
import type { Conv2dConfiguration, ForwardArguments, WeightGradArguments } from "./conv2d.ts";
import { intoQuads, quadsOf, withQuads } from "./quads.ts";
import { type Conv2dShape, outputExtents } from "./shape.ts";
import { subgroup, suitsSubgroup } from "./subgroup.ts";

/** Pixels whose products are added one after the other; longer sums are split. */
const longestChain = 2048;

interface Window {
  readonly ci: number;
  readonly kh: number;
  readonly kw: number;
}

/** Elements of a window, in the order of a filter's: `[Kh, Kw, Ci]`. */
const sizeOf = ({ ci, kh, kw }: Window) => kh * kw * ci;

/** x `[N, H, W, Ci]` to windows `[N Ho Wo, vec4s]`, zeros outside the image and after the last element. */
const gatherWindows = memoise(({ ci, kh, kw }: Window) => {
  const size = sizeOf({ ci, kh, kw });
  const element = (k: number) => {
    const [tap, channel] = [Math.floor(k / ci), k % ci];
    const [ky, kx] = [Math.floor(tap / kw), tap % kw];
    return k < size
      ? `select(0.0, x[line${ky} + (column${kx}) * ${ci} + ${channel}], inY${ky} & inX${kx})`
      : "0.0";
  };
  return kernel(`conv2d_windows_${kh}x${kw}x${ci}`, {
    read: { x: "scalar" },
    write: { windows: "quad" },
    params: {
      ...{ count: "i32", h: "i32", w: "i32", ho: "i32", wo: "i32" },
      ...{ stride: "i32", paddingH: "i32", paddingW: "i32" },
    },
    threads: ({ count }) => count,
    body: wgsl`
    let pixel = i32(i);
    if (pixel >= params.count) { return; }
    let y0 = pixel / params.wo % params.ho * params.stride - params.paddingH;
    let x0 = pixel % params.wo * params.stride - params.paddingW;
    let image = pixel / (params.wo * params.ho) * params.h;
    ${unroll(
      kh,
      (ky) => wgsl`let inY${ky} = (y0 + ${ky} >= 0) & (y0 + ${ky} < params.h);
    let line${ky} = (image + clamp(y0 + ${ky}, 0, params.h - 1)) * params.w * ${ci};`,
    )}
    ${unroll(
      kw,
      (kx) => wgsl`let inX${kx} = (x0 + ${kx} >= 0) & (x0 + ${kx} < params.w);
    let column${kx} = clamp(x0 + ${kx}, 0, params.w - 1);`,
    )}
    ${unroll(
      quadsOf(size),
      (q) =>
        `windows[pixel * ${quadsOf(size)} + ${q}] = quad(${components.map((_, u) => element(4 * q + u)).join(", ")});`,
    )}`,
  });
});

const pixelsOf = (shape: Conv2dShape) => {
  const { ho, wo } = outputExtents(shape);
  return shape.n * ho * wo;
};

/** Bytes of the matrix of windows. */
const windowBytes = (shape: Conv2dShape) => pixelsOf(shape) * quadsOf(sizeOf(shape)) * 16;

/**
 * Whether a convolution is one of few input channels that this is faster for. Its outputs must fill more than half of a panel: forward and filter gradient of 3->16@32 at batch 64
 * take 20.2 CPU ms in place of the direct kernels' 10.8; 3->24 and 3->32 20.7 and 21.0 (20.0 and 20.4). Sums over pixels go four at a time. With texels the direct kernels are faster: 3->64@32, 32 images, 10.8
 * in place of 13.7, 2x2 3->24@32, 100 images, 10.9 in place of 16.4.
 */
function suitsWindows(device: Device, shape: Conv2dShape): boolean {
  const isSmall = shape.ci < 4 && sizeOf(shape) <= 64;
  const fills = shape.co > 2 * device.info.subgroupSize && shape.co % 4 === 0;
  const byteLength = windowBytes(shape);
  const fits = byteLength <= device.limits.maxStorageBufferBindingSize;
  return isSmall && fills && fits && pixelsOf(shape) % 4 === 0 && !suitsTexels(device, { byteLength });
}

function makeWindows(device: Device, shape: Conv2dShape, x: BufferView, windows: BufferView): void {
  const { h, w, ci, kh, kw, stride, paddingH, paddingW } = shape;
  const geometry = { count: pixelsOf(shape), h, w, ...outputExtents(shape), stride, paddingH, paddingW };
  gatherWindows({ ci, kh, kw })(device, { x, windows, ...geometry });
}

function launchForwardWindows(device: Device, { shape, x, weight, y, kept }: ForwardArguments): void {
  const [steps, quads] = [quadsOf(sizeOf(shape)), quadsOf(shape.co)];
  const ofWindows = wholeRows(device, steps);
  const strides = { a: ofWindows, b: ofWindows, y: wholeRows(device, quads) };
  const windows = kept?.input ?? device.allocate(windowBytes(shape), "conv2d windows");
  makeWindows(device, shape, x, windows);
  withQuads(device, weight, shape.co, sizeOf(shape), (b) => {
    const extents = { rows: pixelsOf(shape), quads, steps };
    multiplyPanels(device, { form: "rows_rows", a: windows, b, y, strides, ...extents });
  });
  if (!kept?.input) device.release(windows);
}

function launchWeightGradWindows(device: Device, { shape, x, dy, dweight, kept }: WeightGradArguments): void {
  const [size, rows, pixels] = [sizeOf(shape), shape.co, pixelsOf(shape)];
  const quads = quadsOf(size);
  const splits = Math.ceil(pixels / longestChain);
  const channels = rows * quads * 4;
  const ofWindows = wholeRows(device, quads);
  const strides = {
    a: wholeRows(device, quadsOf(rows)),
    b: ofWindows,
    y: { ...ofWindows, point: rows * quads },
  };
  const windows = kept?.input ?? device.allocate(windowBytes(shape), "conv2d windows");
  if (!kept?.input) makeWindows(device, shape, x, windows);
  const parts = device.allocate(splits * channels * 4, "conv2d_weight_grad parts");
  const extents = { rows, quads, steps: pixels / 4, splits };
  multiplyPanels(device, { form: "columns_columns", a: dy, b: windows, y: parts, strides, ...extents });
  if (!kept?.input) device.release(windows);
  intoQuads(device, dweight, rows, size, (y) => channelSum(device, { x: parts, y, rows: splits, channels }));
  device.release(parts);
}

/** The subgroup configuration's where `suitsWindows` says so. */
export const windows: Conv2dConfiguration = {
  ...subgroup,
  keptBytes: windowBytes,
  forward: launchForwardWindows,
  weightGrad: launchWeightGradWindows,
};

/** The subgroup kernels for a shape, unless what they copy would be too large for a binding. */
export const chooseConv2dSubgroup = (device: Device, shape: Conv2dShape): Conv2dConfiguration | undefined =>
  !suitsSubgroup(device, shape) ? undefined : suitsWindows(device, shape) ? windows : subgroup;
