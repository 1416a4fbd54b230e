/** Convolution on GPUs: chooses a tile and a split of k, fills channels up to vec4s where they aren't, and launches the generated kernels. */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { inParts } from "../channel-sum.ts";
import { choosePlan, type TilePlan } from "../tiled/plan.ts";
import type { ForwardArguments, InputGradArguments, WeightGradArguments } from "./conv2d.ts";
import { type CorrelationArguments, forwardAsCorrelation, inputGradAsCorrelation } from "./correlation.ts";
import { intoWeights, quadsOf, withQuads } from "./quads.ts";
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

export function launchForwardTiled(device: Device, args: ForwardArguments, plan?: TilePlan): void {
  forwardAsCorrelation(device, args, (args) => correlate(device, args, plan));
}

export function launchInputGradTiled(device: Device, args: InputGradArguments, plan?: TilePlan): void {
  inputGradAsCorrelation(device, args, (args) => correlate(device, args, plan));
}

function correlate(device: Device, args: CorrelationArguments, plan?: TilePlan): void {
  const { correlation, x, weight, y, co, weightQuads, turned } = args;
  const { n, ho, wo, kh, kw, depth, channels, outStride } = correlation;
  const ofClass = (extent: number) => Math.ceil(extent / outStride);
  const rows = n * ofClass(ho) * ofClass(wo);
  const product = { rows, columns: channels, depth: ofClass(kh) * ofClass(kw) * depth * 4 };
  const { tile, splits } = plan ?? choosePlan(device, { ...product, count: outStride * outStride });
  inParts(device, y, n * ho * wo * channels, splits, (y) =>
    correlationTiled({ tile, turned })(device, {
      ...{ x, weight, y, ...correlation, co, weightQuads, splits },
      tilesDown: Math.ceil(rows / tile.rows),
      tilesAcross: Math.ceil(channels / tile.columns),
    }),
  );
}

export function launchWeightGradTiled(
  device: Device,
  { shape, x, dy, dweight, kept }: WeightGradArguments,
  plan?: TilePlan,
): void {
  const { n, h, w, ci, co, kh, kw, stride, paddingH: padY, paddingW: padX } = shape;
  const { ho, wo } = outputExtents(shape);
  const [inputs, outputs] = [quadsOf(ci), quadsOf(co)];
  const [rows, columns, pixels] = [4 * outputs, kh * kw * inputs * 4, n * ho * wo];
  const { tile, splits } = plan ?? choosePlan(device, { rows, columns, depth: pixels });
  const run = (x: BufferView) =>
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
    );
  if (kept?.input) run(kept.input);
  else withQuads(device, x, n * h * w, ci, run);
}
