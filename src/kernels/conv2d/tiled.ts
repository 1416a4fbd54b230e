/** Convolution on GPUs: chooses a tile and a split of k, fills channels up to vec4s where they aren't, and launches the generated kernels. */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { channelSum } from "../channel-sum.ts";
import { choosePlan, type TilePlan } from "../tiled/plan.ts";
import type { ForwardArguments, InputGradArguments, WeightGradArguments } from "./conv2d.ts";
import { intoQuads, intoWeights, quadsOf, withQuads } from "./quads.ts";
import { type Conv2dShape, outputExtents } from "./shape.ts";
import { correlationTiled } from "./tiled-correlation.ts";
import { weightGradTiled } from "./tiled-weight-grad.ts";

/** Whether everything fits the adapter's bindings with channels filled up. */
export function suitsTiled(device: Device, shape: Conv2dShape): boolean {
  const { n, h, w, ci, co, kh, kw } = shape;
  const { ho, wo } = outputExtents(shape);
  const [inputs, outputs] = [quadsOf(ci), quadsOf(co)];
  const largest = Math.max(n * h * w * inputs, n * ho * wo * outputs, 4 * outputs * kh * kw * inputs);
  return 16 * largest <= device.limits.maxStorageBufferBindingSize;
}

/** Calls `write` with a place for `splits` parts of y, then adds them up; with y itself if there is one part. */
function inParts(
  device: Device,
  y: BufferView,
  elements: number,
  splits: number,
  write: (parts: BufferView) => void,
): void {
  if (splits === 1) {
    write(y);
    return;
  }
  const parts = device.allocate(splits * elements * 4, "conv2d parts");
  write(parts);
  channelSum(device, { x: parts, y, rows: splits, channels: elements });
  device.release(parts);
}

export function launchForwardTiled(
  device: Device,
  { shape, x, weight, y }: ForwardArguments,
  plan?: TilePlan,
): void {
  const { n, h, w, ci, co, kh, kw, stride, paddingH, paddingW } = shape;
  const { ho, wo } = outputExtents(shape);
  const [depth, channels] = [quadsOf(ci), 4 * quadsOf(co)];
  const rows = n * ho * wo;
  const { tile, splits } =
    plan ?? choosePlan(device, { rows, columns: channels, depth: kh * kw * depth * 4 });
  const correlate = correlationTiled({ tile, turned: false });
  withQuads(device, x, n * h * w, ci, (x) =>
    withQuads(device, weight, co * kh * kw, ci, (weight) =>
      intoQuads(device, y, rows, co, (y) =>
        inParts(device, y, rows * channels, splits, (y) =>
          correlate(device, {
            ...{ x, weight, y, n, hi: h, wi: w, depth, ho, wo, channels, kh, kw },
            ...{ padY: paddingH, padX: paddingW, inStride: stride, outStride: 1 },
            ...{ co, weightQuads: depth, splits },
            tilesDown: Math.ceil(rows / tile.rows),
            tilesAcross: Math.ceil(channels / tile.columns),
          }),
        ),
      ),
    ),
  );
}

export function launchInputGradTiled(
  device: Device,
  { shape, dy, weight, dx }: InputGradArguments,
  plan?: TilePlan,
): void {
  const { n, h, w, ci, co, kh, kw, stride, paddingH, paddingW } = shape;
  const { ho, wo } = outputExtents(shape);
  const [depth, weightQuads] = [quadsOf(co), quadsOf(ci)];
  const channels = 4 * weightQuads;
  const classRows = n * Math.ceil(h / stride) * Math.ceil(w / stride);
  const classDepth = Math.ceil(kh / stride) * Math.ceil(kw / stride) * depth * 4;
  const { tile, splits } =
    plan ??
    choosePlan(device, { rows: classRows, columns: channels, depth: classDepth, count: stride * stride });
  const correlate = correlationTiled({ tile, turned: true });
  withQuads(device, dy, n * ho * wo, co, (x) =>
    withQuads(device, weight, co * kh * kw, ci, (weight) =>
      intoQuads(device, dx, n * h * w, ci, (dx) =>
        inParts(device, dx, n * h * w * channels, splits, (y) =>
          correlate(device, {
            ...{ x, weight, y, n, hi: ho, wi: wo, depth, ho: h, wo: w, channels, kh, kw },
            ...{ padY: kh - 1 - paddingH, padX: kw - 1 - paddingW, inStride: 1, outStride: stride },
            ...{ co, weightQuads, splits },
            tilesDown: Math.ceil(classRows / tile.rows),
            tilesAcross: Math.ceil(channels / tile.columns),
          }),
        ),
      ),
    ),
  );
}

export function launchWeightGradTiled(
  device: Device,
  { shape, x, dy, dweight }: WeightGradArguments,
  plan?: TilePlan,
): void {
  const { n, h, w, ci, co, kh, kw, stride, paddingH: padY, paddingW: padX } = shape;
  const { ho, wo } = outputExtents(shape);
  const [inputs, outputs] = [quadsOf(ci), quadsOf(co)];
  const [rows, columns, pixels] = [4 * outputs, kh * kw * inputs * 4, n * ho * wo];
  const { tile, splits } = plan ?? choosePlan(device, { rows, columns, depth: pixels });
  withQuads(device, x, n * h * w, ci, (x) =>
    withQuads(device, dy, pixels, co, (dy) =>
      intoWeights(device, dweight, shape, (dweight) =>
        inParts(device, dweight, rows * columns, splits, (parts) =>
          weightGradTiled(tile)(device, {
            ...{ x, dy, parts, n, hi: h, wi: w, inputs, ho, wo, outputs, kh, kw, padY, padX, stride, splits },
            share: Math.ceil(pixels / (splits * tile.depth)) * tile.depth,
            tilesDown: Math.ceil(rows / tile.rows),
            tilesAcross: Math.ceil(columns / tile.columns),
          }),
        ),
      ),
    ),
  );
}
