import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import type { KernelSource } from "../../gpu/pipelines.ts";
import { type KernelCase, noise, type ReferenceValues, values, view } from "../cases.ts";
import {
  type BatchNormCase,
  eps,
  inputs,
  momentum,
  runningMoments,
  withScratch,
} from "./batch-norm.cases.ts";
import { momentsReference } from "./batch-norm.reference.ts";
import {
  batchNormReluDropoutGradReference,
  batchNormReluDropoutReference,
} from "./batch-norm-relu-dropout.reference.ts";
import {
  batchNormReluDropoutForward,
  batchNormReluDropoutForwardScalar,
  batchNormReluForward,
  batchNormReluForwardScalar,
  normalizeReluDropout,
} from "./batch-norm-relu-dropout.ts";
import { gateWords } from "./gate.ts";
import {
  batchNormGatedInputGrad,
  batchNormGatedInputGradScalar,
  batchNormGatedSums,
  batchNormGatedSumsScalar,
  normalizeAffineGrad,
  normalizeInputGrad,
} from "./gradient.ts";
import { batchMoments, runningAsMoments } from "./moments.ts";

interface Fused extends BatchNormCase {
  readonly rate: number;
  readonly training: boolean;
  /**
   * Of x: one with which nothing comes so near to ReLU's kink that rounding could take it to the other side, which would show in a
   * whole channel's gradients. Only large sizes need to look for one.
   */
  readonly seed?: number;
  /** What stands in some places of x. In evaluation, where it doesn't spread over its channel. */
  readonly special?: readonly number[];
}

/** Rows around a word of the gate and a lane's share; channels that come in fours and not; VGG's at batch 32. */
const sizes: Fused[] = [
  { rows: 3, channels: 4, rate: 0.4, training: true },
  { rows: 8, channels: 3, rate: 0.4, training: true },
  { rows: 9, channels: 1, rate: 0, training: true },
  { rows: 33, channels: 67, rate: 0.3, training: true },
  { rows: 259, channels: 12, rate: 0, training: true },
  { rows: 4097, channels: 64, rate: 0.5, training: true, seed: 9 },
  { rows: 1031, channels: 8, rate: 0.3, training: true, offset: 1e5 },
  { rows: 1, channels: 5, rate: 0, training: false },
  { rows: 17, channels: 8, rate: 0, training: false, special: [Number.NaN, Number.POSITIVE_INFINITY, -0] },
  { rows: 17, channels: 8, rate: 0.5, training: false, special: [Number.NaN, Number.POSITIVE_INFINITY] },
  { rows: 17, channels: 7, rate: 0.5, training: false, special: [Number.NaN, Number.NEGATIVE_INFINITY] },
  { rows: 32 * 32 * 32, channels: 64, rate: 0.3, training: true, bench: true, seed: 17 },
  { rows: 32 * 16 * 16, channels: 128, rate: 0, training: true, bench: true, seed: 13 },
  { rows: 32 * 4 * 4, channels: 512, rate: 0.4, training: true, bench: true, seed: 14 },
];

const kernels = (channels: number, rate: number): { forward: KernelSource[]; gradient: KernelSource[] } => {
  const byFour = channels % 4 === 0;
  const dropping = byFour ? batchNormReluDropoutForward : batchNormReluDropoutForwardScalar;
  const keeping = byFour ? batchNormReluForward : batchNormReluForwardScalar;
  return {
    forward: [rate > 0 ? dropping : keeping],
    gradient: byFour
      ? [batchNormGatedSums, batchNormGatedInputGrad]
      : [batchNormGatedSumsScalar, batchNormGatedInputGradScalar],
  };
};

function fusedInputs(size: Fused) {
  const { rows, channels, seed } = size;
  const given = inputs(size);
  if (seed !== undefined) given.x = noise(rows * channels, seed);
  for (const [k, value] of (size.special ?? []).entries()) {
    // Six neighbouring places each: dropout keeps some of them.
    given.x.fill(value, 7 * k, 7 * k + 6);
  }
  return { ...given, ticket: new Uint32Array([0x89abcdef, 0x1234, 0xffffffff, 3]) };
}

function launch(device: Device, views: Readonly<Record<string, BufferView>>, size: Fused, backward: boolean) {
  const { channels, rate, training } = size;
  const of = (name: string) => view(views, name);
  const [x, dy, gamma] = [of("x"), of("dy"), of("gamma")];
  withScratch(device, size, ({ moments, coefficients }) => {
    const running = { runningMean: of("runningMean"), runningVar: of("runningVar") };
    if (training) batchMoments(device, { x, moments, ...running }, { ...size, eps, momentum });
    else runningAsMoments(device, { moments, ...running }, channels, eps);
    const gate = device.allocate(4 * gateWords(size), "gate");
    const dropout = rate > 0 ? { rate, ticket: of("ticket") } : undefined;
    normalizeReluDropout(device, { x, moments, gamma, beta: of("beta"), y: of("y"), gate }, size, dropout);
    if (backward) {
      const incoming = { gate, scale: 1 / (1 - rate) };
      const affine = { gamma, dgamma: of("dgamma"), dbeta: of("dbeta") };
      normalizeAffineGrad(
        device,
        { x, dy, moments, coefficients, ...affine },
        { ...size, training },
        incoming,
      );
      normalizeInputGrad(device, { x, dy, moments, coefficients, dx: of("dx") }, size, incoming);
    }
    device.release(gate);
  });
}

function reference(given: ReferenceValues, { channels, rate, training }: Fused, backward: boolean) {
  const x = values(given, "x");
  const moments = training ? momentsReference(x, channels) : runningMoments(given);
  const affine = { gamma: values(given, "gamma"), beta: values(given, "beta") };
  const options = { ...affine, ticket: values(given, "ticket"), moments, eps, rate };
  const y = batchNormReluDropoutReference(x, options);
  const dy = values(given, "dy");
  return backward ? { y, ...batchNormReluDropoutGradReference(x, dy, training, options) } : { y };
}

const cases = (size: Fused, backward: boolean): KernelCase => {
  const { rows, channels, rate, training, special, offset, bench = false } = size;
  const count = rows * channels;
  const what = `batch_norm_relu_dropout_forward${backward ? "_and_backward" : ""}`;
  const details = `${special ? ` with ${special}` : ""}${offset ? ` around ${offset}` : ""}`;
  const { forward, gradient } = kernels(channels, rate);
  return {
    name: `${what} ${training ? "training" : "evaluation"} [${rows}, ${channels}] rate ${rate}${details}`,
    covers: backward ? [...forward, ...gradient] : forward,
    inputs: () => fusedInputs(size),
    outputs: { y: count, ...(backward ? { dx: count, dgamma: channels, dbeta: channels } : {}) },
    launch: (device, views) => launch(device, views, size, backward),
    reference: (given) => reference(given, size, backward),
    tolerance: { relative: 4e-6, why: "two sums over the rows and a division, each some roundings" },
    bench,
    bytes: (backward ? 32 : 12) * count,
  };
};

// Infinity times a slope of 0 is NaN on the GPU: what gradients special values have is the business of the op's test.
export const batchNormReluDropoutCases: KernelCase[] = sizes.flatMap((size) =>
  size.special ? [cases(size, false)] : [cases(size, false), cases(size, true)],
);
