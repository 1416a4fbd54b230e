/**
 * Winograd's algorithm: transform, multiply point by point, transform back. Channels come in fours.
 *
 * The plan's layout says where transformed tensors have their elements. Forward's transformed input and weights can be kept for the gradients, which also share the
 * transformed dy. In x or dy, an infinity or a value that isn't a number makes all outputs of its tile not a number.
 */
import type { BufferView } from "../../../gpu/buffers.ts";
import type { Device } from "../../../gpu/device.ts";
import { channelSum } from "../../channel-sum.ts";
import type { BackwardArguments, ForwardArguments } from "../conv2d.ts";
import type { TileAlgorithm } from "./algorithm.ts";
import type { Layout, PointProduct } from "./layout.ts";
import { imagesOf, type Part, partsOf, splitsOf } from "./parts.ts";
import { WinogradPlan } from "./plan.ts";
import {
  transformInput,
  transformOutputGrad,
  transformToInputGradByParity,
  transformToInputGradInTurn,
  transformToOutput,
  transformToWeightGrad,
  transformWeight,
} from "./transforms.ts";

interface Way {
  readonly layout: Layout;
  readonly algorithm: TileAlgorithm;
}

/** @param parts of the batch; `kept.input` is for one only */
export function launchForwardWinograd(
  device: Device,
  { shape, x, weight, y, kept }: ForwardArguments,
  { layout, algorithm }: Way,
  parts = partsOf(device, layout, shape, algorithm),
): void {
  const whole = new WinogradPlan(layout, shape, algorithm);
  withBuffer(device, kept?.weight, whole.bytes(whole.weight), (filter) => {
    makeFilter(device, whole, weight, filter);
    for (const part of parts) {
      const { plan } = part;
      withBuffer(device, undefined, plan.bytes(plan.y), (products) => {
        withBuffer(device, kept?.input, plan.bytes(plan.x), (input) => {
          makeInput(device, part, x, input);
          const matrices = [plan.x, plan.weight, plan.y] as const;
          multiply(device, { plan, form: "rows_rows", views: [input, filter, products], matrices });
        });
        const image = imagesOf(y, part, "output");
        transformToOutput(plan.transform)(device, { points: products, image, ...plan.output });
      });
    }
  });
}

/** The gradients that are asked for. @param parts of the batch; `kept.input` is for one only */
export function launchBackwardWinograd(
  device: Device,
  args: BackwardArguments,
  { layout, algorithm }: Way,
  parts = partsOf(device, layout, args.shape, algorithm),
): void {
  const { shape, weight, dy, dx, dweight, kept } = args;
  const whole = new WinogradPlan(layout, shape, algorithm);
  const filter = dx && (kept?.weight ?? device.allocate(whole.bytes(whole.weight), "conv2d_winograd weight"));
  if (filter && !kept?.weight) makeFilter(device, whole, weight, filter);
  const sums =
    dweight && device.allocate(splitsOf(parts) * whole.bytes(whole.weight), "conv2d_winograd sums");

  let splitsBefore = 0;
  for (const part of parts) {
    const { plan } = part;
    withBuffer(device, undefined, plan.bytes(plan.y), (gradient) => {
      const image = imagesOf(dy, part, "output");
      transformOutputGrad(plan.transform)(device, { image, points: gradient, ...plan.output });
      if (dx && filter) intoInputGrad(device, part, { gradient, filter, dx });
      if (sums) {
        const bytes = plan.bytes(plan.weight);
        const [byteOffset, byteLength] = [sums.byteOffset + splitsBefore * bytes, plan.splits * bytes];
        intoSums(device, part, args, gradient, { buffer: sums.buffer, byteOffset, byteLength });
        splitsBefore += plan.splits;
      }
    });
  }

  if (filter && !kept?.weight) device.release(filter);
  if (dweight && sums) {
    toWeightGrad(device, whole, sums, splitsBefore, dweight);
    device.release(sums);
  }
}

function intoInputGrad(
  device: Device,
  part: Part,
  { gradient, filter, dx }: Readonly<Record<"gradient" | "filter" | "dx", BufferView>>,
): void {
  const { plan } = part;
  withBuffer(device, undefined, plan.bytes(plan.x), (products) => {
    const matrices = [plan.y, plan.weight, plan.x] as const;
    multiply(device, { plan, form: "rows_columns", views: [gradient, filter, products], matrices });
    const image = imagesOf(dx, part, "input");
    const transformToInputGrad =
      plan.layout.lanes === undefined ? transformToInputGradByParity : transformToInputGradInTurn;
    transformToInputGrad(plan.transform)(device, { points: products, image, ...plan.input });
  });
}

/** The points of dweight, one after the other for each split of a part's tiles. */
function intoSums(
  device: Device,
  part: Part,
  { x, kept }: BackwardArguments,
  gradient: BufferView,
  sums: BufferView,
): void {
  const { plan } = part;
  withBuffer(device, kept?.input, plan.bytes(plan.x), (input) => {
    if (!kept?.input) makeInput(device, part, x, input);
    const matrices = [plan.y, plan.x, plan.weight] as const;
    multiply(device, { plan, form: "columns_columns", views: [gradient, input, sums], matrices });
  });
}

function toWeightGrad(
  device: Device,
  plan: WinogradPlan,
  sums: BufferView,
  splits: number,
  dweight: BufferView,
): void {
  const bytes = plan.bytes(plan.weight);
  const transform = (points: BufferView) =>
    transformToWeightGrad(plan.transform)(device, { points, dweight, ...plan.filter });
  if (splits === 1) {
    transform(sums);
    return;
  }
  withBuffer(device, undefined, bytes, (points) => {
    channelSum(device, { x: sums, y: points, rows: splits, channels: bytes / 4 });
    transform(points);
  });
}

function makeInput(device: Device, part: Part, x: BufferView, points: BufferView): void {
  const { plan } = part;
  const image = imagesOf(x, part, "input");
  const texels = plan.layout.suitsTexels(device, image);
  transformInput({ ...plan.transform, texels })(device, { image, points, ...plan.input });
}

function makeFilter(device: Device, plan: WinogradPlan, weight: BufferView, points: BufferView): void {
  transformWeight(plan.transform)(device, { weight, points, ...plan.filter });
}

/** Calls `use` with a buffer: the one given, or one that is given back afterwards. */
function withBuffer(
  device: Device,
  given: BufferView | undefined,
  bytes: number,
  use: (buffer: BufferView) => void,
): void {
  const buffer = given ?? device.allocate(bytes, "conv2d_winograd points");
  use(buffer);
  if (!given) device.release(buffer);
}

const multiply = (device: Device, product: PointProduct) => product.plan.layout.multiply(device, product);
