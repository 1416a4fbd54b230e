/**
 * 3x3 convolutions by Winograd's algorithm, on software Vulkan: transform, multiply point by point, transform back.
 *
 * Forward's transformed input and weights can be kept for the gradients, which also share the transformed dy. In x or dy, an infinity or a value that isn't a
 * number makes all outputs of its tile not a number.
 */
import type { BufferView } from "../../../gpu/buffers.ts";
import type { Device } from "../../../gpu/device.ts";
import { channelSum } from "../../channel-sum.ts";
import { multiplyPanels, type ProductForm } from "../../gemm/panels.ts";
import type { BackwardArguments, ForwardArguments } from "../conv2d.ts";
import { intoQuads, intoWeights, withQuads } from "../quads.ts";
import { type Conv2dShape, outputExtents } from "../shape.ts";
import { chooseAlgorithm, type TileAlgorithm, tileCounts } from "./algorithm.ts";
import { type PanelMatrix, WinogradPlan } from "./plan.ts";
import {
  transformInput,
  transformOutputGrad,
  transformToInputGrad,
  transformToOutput,
  transformToWeightGrad,
  transformWeight,
} from "./transforms.ts";

/**
 * Fewer channels don't fill a panel, and fewer tiles don't pay for transforming the weights: with 8 lanes, 16->16@32 at batch 64 takes 33 ms
 * in place of the direct kernels' 21, 24->64@31 128 in place of 150, 32->32@16 10 in place of 14; of tiles, an estimate of 17 balances the forward convolution.
 */
const fewestChannels = 24;
const fewestTiles = 24;
/** The filter gradient reads points for every weight: 512->512@4 at batch 32, with one tile an image, takes 25 ms in place of the direct kernel's 22. */
const fewestTilesOfWeightGrad = 64;

export interface WinogradChoice {
  readonly algorithm: TileAlgorithm;
  /** Whether the filter gradient uses it, too. */
  readonly weightGrad: boolean;
}

/** The algorithm for a convolution where one is faster than the direct kernels, and its matrices fit the adapter's bindings. */
export function chooseWinograd(device: Device, shape: Conv2dShape): WinogradChoice | undefined {
  const algorithm = chooseAlgorithm(shape);
  if (!algorithm || Math.min(shape.ci, shape.co) < fewestChannels) return undefined;
  const [tilesY, tilesX] = tileCounts(algorithm, shape);
  const tiles = shape.n * tilesY * tilesX;
  const plan = new WinogradPlan(device.info.subgroupSize, shape, algorithm);
  const fits = (...bytes: readonly number[]) =>
    bytes.every((size) => size <= device.limits.maxStorageBufferBindingSize);
  if (tiles < fewestTiles || !fits(plan.bytes(plan.x), plan.bytes(plan.y), plan.bytes(plan.weight)))
    return undefined;
  const weightGrad = tiles >= fewestTilesOfWeightGrad && fits(plan.bytes(plan.weight) * plan.splits);
  return { algorithm, weightGrad };
}

/** Bytes of what forward can keep for the gradients. */
export function keptBytes(device: Device, shape: Conv2dShape, { algorithm, weightGrad }: WinogradChoice) {
  const plan = new WinogradPlan(device.info.subgroupSize, shape, algorithm);
  return { input: weightGrad ? plan.bytes(plan.x) : 0, weight: plan.bytes(plan.weight) };
}

/** Calls `use` with a buffer that is given back afterwards. */
function withBuffer(device: Device, bytes: number, use: (buffer: BufferView) => void): void {
  const buffer = device.allocate(bytes, "conv2d_winograd points");
  use(buffer);
  device.release(buffer);
}

/** The products of two matrices' points. */
function multiply(
  device: Device,
  plan: WinogradPlan,
  form: ProductForm,
  [a, b, y]: readonly [BufferView, BufferView, BufferView],
  [ofA, ofB, ofY]: readonly [PanelMatrix, PanelMatrix, PanelMatrix],
  { steps, splits = 1 }: { readonly steps: number; readonly splits?: number },
): void {
  const strides = { a: plan.strides(ofA), b: plan.strides(ofB), y: plan.strides(ofY) };
  const extents = { rows: ofY.rows, quads: ofY.panels * plan.lanes };
  multiplyPanels(device, { form, a, b, y, strides, ...extents, steps, splits, points: plan.points });
}

function makeInput(device: Device, plan: WinogradPlan, x: BufferView, points: BufferView): void {
  const { n, h, w, ci } = plan.shape;
  withQuads(device, x, n * h * w, ci, (x) =>
    transformInput(plan.transform)(device, { image: x, points, ...plan.input }),
  );
}

function makeWeight(device: Device, plan: WinogradPlan, weight: BufferView, points: BufferView): void {
  const { ci, co, kh, kw } = plan.shape;
  withQuads(device, weight, co * kh * kw, ci, (weight) =>
    transformWeight(plan.transform)(device, { weight, points, ...plan.filter }),
  );
}

function makeOutputGrad(device: Device, plan: WinogradPlan, dy: BufferView, points: BufferView): void {
  const { n, co } = plan.shape;
  const { ho, wo } = outputExtents(plan.shape);
  withQuads(device, dy, n * ho * wo, co, (dy) =>
    transformOutputGrad(plan.transform)(device, { image: dy, points, ...plan.output }),
  );
}

export function launchForwardWinograd(
  device: Device,
  { shape, x, weight, y, kept }: ForwardArguments,
  algorithm: TileAlgorithm,
): void {
  const plan = new WinogradPlan(device.info.subgroupSize, shape, algorithm);
  const { ho, wo } = outputExtents(shape);
  withBuffer(device, plan.bytes(plan.y), (products) => {
    const input = kept?.input ?? device.allocate(plan.bytes(plan.x), "conv2d_winograd input");
    makeInput(device, plan, x, input);
    const filter = kept?.weight ?? device.allocate(plan.bytes(plan.weight), "conv2d_winograd weight");
    makeWeight(device, plan, weight, filter);
    multiply(device, plan, "rows_rows", [input, filter, products], [plan.x, plan.weight, plan.y], {
      steps: plan.inputs,
    });
    if (!kept?.weight) device.release(filter);
    if (!kept?.input) device.release(input);
    intoQuads(device, y, shape.n * ho * wo, shape.co, (y) =>
      transformToOutput(plan.transform)(device, { points: products, image: y, ...plan.output }),
    );
  });
}

export function launchBackwardWinograd(
  device: Device,
  args: BackwardArguments,
  algorithm: TileAlgorithm,
): void {
  const { shape, dy, dx, dweight } = args;
  const plan = new WinogradPlan(device.info.subgroupSize, shape, algorithm);
  withBuffer(device, plan.bytes(plan.y), (gradient) => {
    makeOutputGrad(device, plan, dy, gradient);
    if (dx) intoInputGrad(device, plan, args, gradient, dx);
    if (dweight) intoWeightGrad(device, plan, args, gradient, dweight);
  });
}

function intoInputGrad(
  device: Device,
  plan: WinogradPlan,
  { weight, kept }: BackwardArguments,
  gradient: BufferView,
  dx: BufferView,
): void {
  const { n, h, w, ci } = plan.shape;
  withBuffer(device, plan.bytes(plan.x), (products) => {
    const filter = kept?.weight ?? device.allocate(plan.bytes(plan.weight), "conv2d_winograd weight");
    if (!kept?.weight) makeWeight(device, plan, weight, filter);
    multiply(device, plan, "rows_columns", [gradient, filter, products], [plan.y, plan.weight, plan.x], {
      steps: plan.outputs,
    });
    if (!kept?.weight) device.release(filter);
    intoQuads(device, dx, n * h * w, ci, (dx) =>
      transformToInputGrad(plan.transform)(device, { points: products, image: dx, ...plan.input }),
    );
  });
}

function intoWeightGrad(
  device: Device,
  plan: WinogradPlan,
  { x, kept }: BackwardArguments,
  gradient: BufferView,
  dweight: BufferView,
): void {
  const { splits } = plan;
  const bytes = plan.bytes(plan.weight);
  withBuffer(device, bytes, (sums) => {
    const input = kept?.input ?? device.allocate(plan.bytes(plan.x), "conv2d_winograd input");
    if (!kept?.input) makeInput(device, plan, x, input);
    const parts = splits === 1 ? sums : device.allocate(splits * bytes, "conv2d_winograd parts");
    multiply(device, plan, "columns_columns", [gradient, input, parts], [plan.y, plan.x, plan.weight], {
      steps: plan.x.rows / 4,
      splits,
    });
    if (!kept?.input) device.release(input);
    if (splits > 1) {
      channelSum(device, { x: parts, y: sums, rows: splits, channels: bytes / 4 });
      device.release(parts);
    }
    intoWeights(device, dweight, plan.shape, (dweight) =>
      transformToWeightGrad(plan.transform)(device, { points: sums, dweight, ...plan.filter }),
    );
  });
}
