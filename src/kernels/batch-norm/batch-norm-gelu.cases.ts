import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { type KernelCase, type ReferenceValues, values, view } from "../cases.ts";
import {
  type BatchNormCase,
  eps,
  inputs,
  momentum,
  runningMoments,
  withScratch,
} from "./batch-norm.cases.ts";
import { momentsReference } from "./batch-norm.reference.ts";
import { batchNormGeluGradReference, batchNormGeluReference } from "./batch-norm-gelu.reference.ts";
import {
  batchNormGeluForward,
  batchNormGeluForwardScalar,
  batchNormGeluSums,
  batchNormGeluSumsScalar,
  normalizeGelu,
  normalizeGeluAffineGrad,
} from "./batch-norm-gelu.ts";
import { normalizeInputGrad } from "./gradient.ts";
import { batchMoments, runningAsMoments } from "./moments.ts";

interface GeluCase extends BatchNormCase {
  readonly training: boolean;
  /** What stands in some places of x. In evaluation, where it doesn't spread over its channel. */
  readonly special?: readonly number[];
}

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

/** Rows around a lane's share; channels that come in fours and not; those of `nn.vggFast` at batch 500. */
const sizes: readonly GeluCase[] = [
  { rows: 3, channels: 4, training: true },
  { rows: 8, channels: 3, training: true },
  { rows: 9, channels: 1, training: true },
  { rows: 33, channels: 67, training: true },
  { rows: 259, channels: 12, training: true },
  { rows: 4097, channels: 64, training: true },
  { rows: 1031, channels: 8, training: true, offset: 1e5 },
  { rows: 1, channels: 5, training: false },
  { rows: 259, channels: 8, training: false },
  { rows: 17, channels: 8, training: false, special: [nan, infinity, -infinity] },
  { rows: 17, channels: 7, training: false, special: [nan, infinity, -infinity] },
  { rows: 500 * 15 * 15, channels: 64, training: true, bench: true },
  { rows: 500 * 7 * 7, channels: 256, training: true, bench: true },
  { rows: 500 * 3 * 3, channels: 256, training: true, bench: true },
];

function geluInputs(size: GeluCase) {
  const given = inputs(size);
  for (const [k, value] of (size.special ?? []).entries()) given.x[5 * k] = value;
  return given;
}

function launch(
  device: Device,
  views: Readonly<Record<string, BufferView>>,
  size: GeluCase,
  backward: boolean,
) {
  const of = (name: string) => view(views, name);
  const [x, dy, gamma, beta] = [of("x"), of("dy"), of("gamma"), of("beta")];
  withScratch(device, size, ({ moments, coefficients }) => {
    const running = { runningMean: of("runningMean"), runningVar: of("runningVar") };
    if (size.training) batchMoments(device, { x, moments, ...running }, { ...size, eps, momentum });
    else runningAsMoments(device, { moments, ...running }, size.channels, eps);
    if (!backward) {
      normalizeGelu(device, { x, moments, gamma, beta, y: of("y") }, size);
      return;
    }
    const dnormal = device.allocate(x.byteLength, "dnormal");
    const affine = { gamma, beta, dgamma: of("dgamma"), dbeta: of("dbeta") };
    normalizeGeluAffineGrad(device, { x, dy, moments, coefficients, dnormal, ...affine }, size);
    normalizeInputGrad(device, { x, dy: dnormal, moments, coefficients, dx: of("dx") }, size);
    device.release(dnormal);
  });
}

function reference(given: ReferenceValues, { channels, training }: GeluCase, backward: boolean) {
  const x = values(given, "x");
  const moments = training ? momentsReference(x, channels) : runningMoments(given);
  const options = { gamma: values(given, "gamma"), beta: values(given, "beta"), moments, eps };
  if (!backward) return { y: batchNormGeluReference(x, options) };
  return { ...batchNormGeluGradReference(x, values(given, "dy"), training, options) };
}

const cases = (size: GeluCase, backward: boolean): KernelCase => {
  const { rows, channels, training, special, offset, bench = false } = size;
  const count = rows * channels;
  const details = `${special ? ` with ${special}` : ""}${offset ? ` around ${offset}` : ""}`;
  const forward = channels % 4 === 0 ? batchNormGeluForward : batchNormGeluForwardScalar;
  const sums = channels % 4 === 0 ? batchNormGeluSums : batchNormGeluSumsScalar;
  return {
    name: `batch_norm_gelu_${backward ? "backward" : "forward"} ${training ? "training" : "evaluation"} [${rows}, ${channels}]${details}`,
    covers: [backward ? sums : forward],
    inputs: () => geluInputs(size),
    outputs: backward ? { dx: count, dgamma: channels, dbeta: channels } : { y: count },
    launch: (device, views) => launch(device, views, size, backward),
    reference: (given) => reference(given, size, backward),
    tolerance: { relative: 4e-6, why: "two sums over the rows and a division, each some roundings" },
    bench,
    bytes: (backward ? 20 : 12) * count,
  };
};

// Special values spread over their channel's gradients: what they are is the business of the op's test.
export const batchNormGeluCases: readonly KernelCase[] = sizes.flatMap((size) =>
  size.special ? [cases(size, false)] : [cases(size, false), cases(size, true)],
);
