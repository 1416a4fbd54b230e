/**
 * Convolution on software Vulkan: fills channels up to vec4s where they aren't, packs weights where the kernel wants them packed, and launches the generated kernels.
 * In the prototype, packing weights took under 3 % of a layer's time at batch 32 up to 256 channels on 8x8 pixels, 13 % at 512 on 4x4, 50 % at 512 on 2x2.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { suitsTexels } from "../../gpu/texel-textures.ts";
import { inParts } from "../channel-sum.ts";
import { wholeRows } from "../gemm/panel-product.ts";
import { multiplyPanels } from "../gemm/panels.ts";
import type {
  Conv2dConfiguration,
  ForwardArguments,
  InputGradArguments,
  WeightGradArguments,
} from "./conv2d.ts";
import { type CorrelationArguments, forwardAsCorrelation, inputGradAsCorrelation } from "./correlation.ts";
import { type PackWeightsLayout, packWeights } from "./pack.ts";
import { intoWeights, paddedInputBytes, quadsOf, withQuads } from "./quads.ts";
import { type Conv2dShape, outputExtents } from "./shape.ts";
import { correlationSubgroup } from "./subgroup-correlation.ts";
import { correlationNarrow } from "./subgroup-narrow.ts";
import { correlationResident } from "./subgroup-resident.ts";
import {
  chooseCorrelationTile,
  chooseNarrowTile,
  chooseNarrowWeightGradTile,
  chooseResidentTile,
  chooseWeightGradTile,
  spreadRows,
} from "./subgroup-tiles.ts";
import { weightGradSubgroup } from "./subgroup-weight-grad.ts";
import { weightGradNarrow } from "./subgroup-weight-grad-narrow.ts";

/** Whether everything fits the adapter's bindings with channels filled up and weights packed. */
export function suitsSubgroup(device: Device, shape: Conv2dShape): boolean {
  const { n, h, w, ci, co, kh, kw } = shape;
  const { ho, wo } = outputExtents(shape);
  const [inputs, outputs] = [quadsOf(ci), quadsOf(co)];
  const block = 4 * device.info.subgroupSize;
  const fill = (channels: number) => Math.ceil(channels / block) * block;
  const packed = kh * kw * Math.max(fill(ci) * outputs * 4, fill(co) * inputs * 4);
  const largest = 4 * Math.max(n * h * w * inputs * 4, n * ho * wo * outputs * 4, packed);
  return largest <= device.limits.maxStorageBufferBindingSize;
}

function launchForwardSubgroup(device: Device, args: ForwardArguments): void {
  forwardAsCorrelation(device, args, (args) => correlate(device, args));
}

function launchInputGradSubgroup(device: Device, args: InputGradArguments): void {
  inputGradAsCorrelation(device, args, (args) => correlate(device, args));
}

function correlate(device: Device, args: CorrelationArguments): void {
  if (correlatePixels(device, args) || correlateResident(device, args)) return;
  const { correlation, x, y } = args;
  const { n, ho, wo, kh, kw, outStride } = correlation;
  const lanes = device.info.subgroupSize;
  const narrow = chooseNarrowTile(lanes, correlation);
  if (narrow) {
    const strips = ho * Math.ceil(wo / narrow.width) * n;
    const kernel = correlationNarrow({ ...narrow, texels: suitsTexels(device, x) });
    withPacked(device, args, { lanes: narrow.quads, vector: 4, tapsInside: true }, (weight, blocks) =>
      kernel(device, { x, weight, y, ...correlation, blocks, strips }),
    );
    return;
  }
  const tile = chooseCorrelationTile(lanes, correlation);
  const strips = Math.ceil(ho / outStride) * Math.ceil(Math.ceil(wo / outStride) / tile.width) * n;
  const bands = Math.ceil(strips / (lanes * tile.strips));
  withPacked(device, args, { lanes, vector: tile.vector, tapsInside: tile.taps > 1 }, (weight, blocks) => {
    const reads = blocks * kh * (tile.taps > 1 ? 1 : kw);
    const texels = reads > 1 && suitsTexels(device, x, weight);
    correlationSubgroup({ ...tile, texels })(device, { x, weight, y, ...correlation, blocks, bands });
  });
}

/** A correlation of single pixels is a product. @returns whether it's one, and was computed as that */
function correlatePixels(
  device: Device,
  { correlation, x, y, weight, co, turned }: CorrelationArguments,
): boolean {
  const { n, ho, wo, depth, channels, kh, kw, padY, padX, inStride, outStride } = correlation;
  const isProduct = kh * kw * inStride * outStride === 1 && !padY && !padX && co % 4 === 0;
  if (!isProduct || !suitsTexels(device, x, weight)) return false;
  const [rows, quads] = [n * ho * wo, channels / 4];
  const b = wholeRows(device, turned ? quads : depth);
  multiplyPanels(device, {
    ...{ form: turned ? "rows_columns" : "rows_rows", a: x, b: weight, y, rows, quads, steps: depth },
    strides: { a: wholeRows(device, depth), b, y: wholeRows(device, quads) },
  });
  return true;
}

/** @returns whether the weights fit the registers, and it was computed with them there */
function correlateResident(device: Device, args: CorrelationArguments): boolean {
  const { correlation, x, y, weight, co, weightQuads, turned } = args;
  const lanes = device.info.subgroupSize;
  const tile = chooseResidentTile(lanes, correlation, turned);
  if (!tile || co % 4 > 0 || !suitsTexels(device, x, weight)) return false;
  const spread = spreadRows(correlation.n * correlation.ho, correlation.channels, tile);
  correlationResident(tile)(device, { x, weight, y, ...correlation, weightQuads, ...spread });
  return true;
}

/** Calls `launch` with packed weights and how many blocks of channels they have. */
function withPacked(
  device: Device,
  { correlation, weight, co, weightQuads, turned }: CorrelationArguments,
  layout: Omit<PackWeightsLayout, "turned">,
  launch: (weight: BufferView, blocks: number) => void,
): void {
  const { depth, channels, kh, kw } = correlation;
  const { lanes, vector } = layout;
  const blocks = Math.ceil(channels / (lanes * vector));
  const count = blocks * kh * kw * depth * lanes;
  const packed = device.allocate(count * 16 * vector, "conv2d packed weights");
  packWeights({ ...layout, turned })(device, {
    ...{ weight, packed, count, co, kh, kw },
    ...{ inputQuads: weightQuads, depths: depth, columns: channels },
  });
  launch(packed, blocks);
  device.release(packed);
}

/** Workgroups that keep a CPU's cores busy, and pixels after which a chain of additions is better split. */
const enoughGroups = 16;
const longestChain = 2048;

function launchWeightGradSubgroup(device: Device, args: WeightGradArguments): void {
  if (pixelWeightGrad(device, args)) return;
  const { shape, x, dy, dweight, kept } = args;
  const { n, h, w, ci, co, kh, kw, stride, paddingH: padY, paddingW: padX } = shape;
  const { ho, wo } = outputExtents(shape);
  const lanes = device.info.subgroupSize;
  const [inputs, outputs] = [quadsOf(ci), quadsOf(co)];
  const sizes = { n, hi: h, wi: w, inputs, ho, wo, outputs, kh, kw, padY, padX, stride };
  const narrow = suitsTexels(device, x, dy) ? chooseNarrowWeightGradTile(lanes, sizes, ci) : undefined;
  const tile = chooseWeightGradTile(lanes, sizes);
  const teams = lanes / (narrow ?? tile).team;
  const columnGroups = narrow ? 1 : Math.ceil((kh * Math.ceil(kw / tile.taps) * inputs) / tile.team);
  const outputGroups = Math.ceil(outputs / (narrow?.team ?? tile.channels / 4));
  const weights = 4 * outputs * kh * kw * inputs * 4;
  const pixels = n * ho * wo;
  const wanted = Math.max(
    Math.ceil(enoughGroups / (columnGroups * outputGroups)),
    Math.ceil(pixels / Math.max(longestChain, Math.sqrt(pixels))),
  );
  const most = Math.min(
    Math.floor((n * ho) / (2 * tile.rows)),
    Math.floor(device.limits.maxStorageBufferBindingSize / (4 * weights)),
  );
  const splits = Math.ceil(Math.max(1, Math.min(wanted, most)) / teams) * teams;
  const readsEnough = columnGroups + kh * outputGroups > 3;
  const run = (x: BufferView) =>
    withQuads(device, dy, pixels, co, (dy) =>
      intoWeights(device, dweight, shape, (dweight) =>
        inParts(device, dweight, weights, splits, (parts) => {
          const texels = suitsTexels(device, x, dy);
          const given = { ...{ x, dy, parts }, ...sizes, ...{ columnGroups, outputGroups, splits } };
          if (narrow) weightGradNarrow({ ...narrow, texels })(device, given);
          else weightGradSubgroup({ ...tile, texels: texels && readsEnough })(device, given);
        }),
      ),
    );
  if (kept?.input) run(kept.input);
  else withQuads(device, x, n * h * w, ci, run);
}

/** Channels that fill two tiles of a product in both directions: 64->64@16 takes 0.76 times as long as the kernel for any taps, 64->16@32 1.5 times. */
const fewestChannelsOfProduct = 64;

/** The filter gradient of single pixels is a product, too. @returns whether it's one, and was computed as that */
function pixelWeightGrad(device: Device, { shape, x, dy, dweight }: WeightGradArguments): boolean {
  const { n, h, w, ci, co, kh, kw, stride, paddingH, paddingW } = shape;
  const pixels = n * h * w;
  const isProduct = kh * kw * stride === 1 && !paddingH && !paddingW && pixels % 4 === 0;
  const fills = Math.min(ci, co) >= fewestChannelsOfProduct && ci % 4 === 0 && co % 4 === 0;
  if (!isProduct || !fills || !suitsTexels(device, x, dy)) return false;
  const mostByMemory = Math.floor(device.limits.maxStorageBufferBindingSize / (4 * co * ci));
  const splits = Math.max(1, Math.min(Math.ceil(pixels / longestChain), mostByMemory));
  const [steps, quads] = [pixels / 4, ci / 4];
  const b = wholeRows(device, quads);
  const strides = { a: wholeRows(device, co / 4), b, y: { ...b, point: co * quads } };
  inParts(device, dweight, co * ci, splits, (y) => {
    const extents = { rows: co, quads, steps, splits };
    multiplyPanels(device, { form: "columns_columns", a: dy, b: x, y, strides, ...extents });
  });
  return true;
}

export const subgroup: Conv2dConfiguration = {
  keptBytes: paddedInputBytes,
  forward: launchForwardSubgroup,
  inputGrad: launchInputGradSubgroup,
  weightGrad: launchWeightGradSubgroup,
};
