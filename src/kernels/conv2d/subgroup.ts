/**
 * Convolution on software Vulkan: fills channels up to vec4s where they aren't, packs weights, and launches the generated kernels.
 * In the prototype, packing weights took under 3 % of a layer's time at batch 32 up to 256 channels on 8x8 pixels, 13 % at 512 on 4x4, 50 % at 512 on 2x2.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { suitsTexels } from "../../gpu/texel-textures.ts";
import { inParts } from "../channel-sum.ts";
import type { ForwardArguments, InputGradArguments, WeightGradArguments } from "./conv2d.ts";
import { type CorrelationArguments, forwardAsCorrelation, inputGradAsCorrelation } from "./correlation.ts";
import { type PackWeightsLayout, packWeights } from "./pack.ts";
import { intoWeights, quadsOf, withQuads } from "./quads.ts";
import { type Conv2dShape, outputExtents } from "./shape.ts";
import { correlationSubgroup } from "./subgroup-correlation.ts";
import { correlationNarrow } from "./subgroup-narrow.ts";
import { correlationResident } from "./subgroup-resident.ts";
import { chooseCorrelationTile, chooseNarrowTile, chooseResidentTile, chooseWeightGradTile } from "./subgroup-tiles.ts";
import { weightGradNarrow } from "./subgroup-weight-grad-narrow.ts";
import { weightGradSubgroup } from "./subgroup-weight-grad.ts";

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

export function launchForwardSubgroup(device: Device, args: ForwardArguments): void {
  forwardAsCorrelation(device, args, (args) => correlate(device, args));
}

export function launchInputGradSubgroup(device: Device, args: InputGradArguments): void {
  inputGradAsCorrelation(device, args, (args) => correlate(device, args));
}

function correlate(device: Device, args: CorrelationArguments): void {
  const { correlation, x, y } = args;
  const { n, ho, wo, kh, kw, outStride } = correlation;
  const lanes = device.info.subgroupSize;
  const resident = suitsTexels(device, x, args.weight) && !process.env.NARROW
    ? chooseResidentTile(lanes, correlation, args.turned)
    : undefined;
  if (resident) {
    const { co, weight, weightQuads } = args;
    const blocks = Math.ceil(correlation.channels / (4 * resident.team));
    const teams = lanes / resident.team;
    const share = Math.ceil((n * ho) / Math.ceil(32 / blocks) / teams) * teams;
    correlationResident(resident)(device, { x, weight, y, ...correlation, co, weightQuads, blocks, share });
    return;
  }
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

export function launchWeightGradSubgroup(
  device: Device,
  { shape, x, dy, dweight, kept }: WeightGradArguments,
): void {
  const { n, h, w, ci, co, kh, kw, stride, paddingH: padY, paddingW: padX } = shape;
  const { ho, wo } = outputExtents(shape);
  const lanes = device.info.subgroupSize;
  const [inputs, outputs] = [quadsOf(ci), quadsOf(co)];
  const tile = chooseWeightGradTile(lanes, { inputs, kh, kw, wi: w, wo, outputs, padX, stride });
  const teams = lanes / tile.team;
  const columnGroups = Math.ceil((kh * Math.ceil(kw / tile.taps) * inputs) / tile.team);
  const outputGroups = Math.ceil((4 * outputs) / tile.channels);
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
  if (process.env.DW && kh * kw <= 9 && stride === 1) {
    const team = outputs <= 4 ? 4 : lanes;
    const teams = lanes / team;
    const outputGroups = Math.ceil(outputs / team);
    const splits = Math.min(n * ho, Math.ceil(Math.max(Math.ceil(32 / (inputs * outputGroups)), Math.ceil(pixels / 2048)) / teams) * teams);
    const run = (x: BufferView) =>
    withQuads(device, dy, pixels, co, (dy) =>
      intoWeights(device, dweight, shape, (dweight) =>
        inParts(device, dweight, weights, splits, (parts) =>
          weightGradNarrow({ lanes, team, kh, kw, width: 8, inner: Math.min(ci, 4), texelsDy: process.env.DY ? false : true })(device, {
            ...{ x, dy, parts, ...{ n, hi: h, wi: w, inputs, ho, wo, outputs, kh, kw, padY, padX, stride } },
            ...{ outputGroups, splits },
          }),
        ),
      ),
    );
    if (kept?.input) run(kept.input);
    else withQuads(device, x, n * h * w, ci, run);
    return;
  }
  const sizes = { n, hi: h, wi: w, inputs, ho, wo, outputs, kh, kw, padY, padX, stride };
  const run = (x: BufferView) =>
    withQuads(device, dy, pixels, co, (dy) =>
      intoWeights(device, dweight, shape, (dweight) =>
        inParts(device, dweight, weights, splits, (parts) =>
          weightGradSubgroup({ ...tile, texels: readsEnough && suitsTexels(device, x, dy) })(device, {
            ...{ x, dy, parts, ...sizes },
            ...{ columnGroups, outputGroups, splits },
          }),
        ),
      ),
    );
  if (kept?.input) run(kept.input);
  else withQuads(device, x, n * h * w, ci, run);
}
