import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { type KernelCase, noise, type ReferenceValues, values, view } from "../cases.ts";
import { maxPoolGradReference, maxPoolReference } from "../max-pool.reference.ts";
import { type MaxPoolSize, maxPoolIndexWords } from "../max-pool.ts";
import { eps, inputs, momentum, runningMoments, withScratch } from "./batch-norm.cases.ts";
import { momentsReference } from "./batch-norm.reference.ts";
import {
  batchNormReluDropoutGradReference,
  batchNormReluDropoutReference,
} from "./batch-norm-relu-dropout.reference.ts";
import { batchMoments, runningAsMoments } from "./moments.ts";
import {
  batchNormPooledInputGrad,
  batchNormPooledSums,
  batchNormReluPoolForward,
  normalizeReluPool,
  pooledAffineGrad,
  pooledInputGrad,
} from "./pooled.ts";

interface Pooled {
  readonly shape: readonly [images: number, height: number, width: number, channels: number];
  readonly training: boolean;
  readonly offset?: number;
  readonly bench?: boolean;
}

/** One window and several, in either direction; rows of windows around a lane's share; VGG's at batch 32. */
const sizes: readonly Pooled[] = [
  { shape: [1, 2, 2, 4], training: true },
  { shape: [3, 2, 6, 8], training: true },
  { shape: [5, 8, 2, 12], training: false },
  { shape: [2, 10, 14, 20], training: true },
  { shape: [9, 4, 4, 132], training: true, offset: 1e3 },
  { shape: [32, 32, 32, 64], training: true, bench: true },
  { shape: [32, 4, 4, 512], training: true, bench: true },
];

const poolOf = ({ shape: [images, height, width, channels] }: Pooled): MaxPoolSize => ({
  ...{ images, height, width, channels, size: [2, 2], stride: [2, 2], padding: [0, 0] },
});

function sizeOf({ shape: [images, height, width, channels], training, offset = 0 }: Pooled) {
  return { rows: images * height * width, channels, training, offset };
}

function pooledInputs(pooled: Pooled) {
  const size = sizeOf(pooled);
  const given = inputs(size);
  return { ...given, dy: noise((size.rows * size.channels) / 4, 2) };
}

function launch(
  device: Device,
  views: Readonly<Record<string, BufferView>>,
  pooled: Pooled,
  backward: boolean,
) {
  const [size, pool] = [sizeOf(pooled), poolOf(pooled)];
  const of = (name: string) => view(views, name);
  const [x, dy, gamma, beta, y] = [of("x"), of("dy"), of("gamma"), of("beta"), of("y")];
  withScratch(device, size, ({ moments, coefficients }) => {
    const running = { runningMean: of("runningMean"), runningVar: of("runningVar") };
    if (size.training) batchMoments(device, { x, moments, ...running }, { ...size, eps, momentum });
    else runningAsMoments(device, { moments, ...running }, size.channels, eps);
    const gate = device.allocate(4 * maxPoolIndexWords(pool), "gate");
    normalizeReluPool(device, { x, moments, gamma, beta, y, gate }, pool);
    if (backward) {
      const incoming = { x, dy, gate, moments, coefficients };
      const affine = { gamma, dgamma: of("dgamma"), dbeta: of("dbeta") };
      pooledAffineGrad(device, { ...incoming, ...affine }, size, pool);
      pooledInputGrad(device, { ...incoming, dx: of("dx") }, pool);
    }
    device.release(gate);
  });
}

function reference(given: ReferenceValues, pooled: Pooled, backward: boolean): ReferenceValues {
  const { channels, training } = sizeOf(pooled);
  const [x, pool] = [values(given, "x"), poolOf(pooled)];
  const moments = training ? momentsReference(x, channels) : runningMoments(given);
  const affine = { gamma: values(given, "gamma"), beta: values(given, "beta") };
  const options = { ...affine, moments, eps, rate: 0, ticket: [] };
  const before = batchNormReluDropoutReference(x, options);
  const { y } = maxPoolReference(before, pool);
  if (!backward) return { y };
  const gradient = maxPoolGradReference(before, values(given, "dy"), pool);
  return { y, ...batchNormReluDropoutGradReference(x, gradient, training, options) };
}

const pooledCase = (pooled: Pooled, backward: boolean): KernelCase => {
  const { shape, training, offset, bench = false } = pooled;
  const { rows, channels } = sizeOf(pooled);
  const count = rows * channels;
  return {
    name:
      `batch_norm_relu_pool_forward${backward ? "_and_backward" : ""} ${training ? "training" : "evaluation"} [${shape}]` +
      (offset ? ` around ${offset}` : ""),
    covers: [batchNormReluPoolForward, ...(backward ? [batchNormPooledSums, batchNormPooledInputGrad] : [])],
    inputs: () => pooledInputs(pooled),
    outputs: { y: count / 4, ...(backward ? { dx: count, dgamma: channels, dbeta: channels } : {}) },
    launch: (device, views) => launch(device, views, pooled, backward),
    reference: (given) => reference(given, pooled, backward),
    tolerance: { relative: 4e-6, why: "two sums over the rows and a division, each some roundings" },
    bench,
    bytes: (backward ? 22 : 9) * count,
  };
};

export const pooledBatchNormCases: readonly KernelCase[] = sizes.flatMap((pooled) => [
  pooledCase(pooled, false),
  pooledCase(pooled, true),
]);
