/** Inputs and outcomes for tests of batch normalization. */
import { mul, sum, type Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "./gpu.ts";

export interface BatchNormInputs {
  /** What x lies around. */
  readonly offset?: number;
  /** What gamma lies around, within 1. */
  readonly gammaAround?: number;
}

/** An x of `shape`, what goes with it, and a gradient of the output. */
export function batchNormInputs(
  shape: readonly number[],
  { offset = 0, gammaAround = 1.5 }: BatchNormInputs = {},
) {
  const channels = shape.at(-1) ?? 1;
  const size = shape.reduce((a, b) => a * b, 1);
  const data = {
    x: noise(size, 1).map((value) => Math.fround(3 * value + offset)),
    dy: noise(size, 2),
    gamma: noise(channels, 3).map((value) => value + gammaAround),
    beta: noise(channels, 4),
    mean: noise(channels, 5),
    variance: noise(channels, 6).map((value) => value + 2),
  };
  const options = { requiresGrad: true };
  const tensors = {
    x: gpu.tensor(data.x, shape, options),
    gamma: gpu.tensor(data.gamma, [channels], options),
    beta: gpu.tensor(data.beta, [channels], options),
    runningMean: gpu.tensor(data.mean, [channels], { name: "running mean" }),
    runningVar: gpu.tensor(data.variance, [channels]),
  };
  return { channels, rows: size / channels, data, tensors };
}

/** A tensor's gradient; empty where it has none. */
export async function gradientOf(tensor: Tensor): Promise<Float32Array> {
  return (await tensor.grad?.data()) ?? new Float32Array(0);
}

/** All that an op on such inputs computed: its output, the gradients after backward, and the moved statistics. */
export async function outcomeOf(y: Tensor, tensors: ReturnType<typeof batchNormInputs>["tensors"]) {
  return {
    y: await y.data(),
    dx: await gradientOf(tensors.x),
    dgamma: await gradientOf(tensors.gamma),
    dbeta: await gradientOf(tensors.beta),
    runningMean: await tensors.runningMean.data(),
    runningVar: await tensors.runningVar.data(),
  };
}

/** Three steps of an op on such inputs, eager or recorded: the losses (sums of squares) with the gradients of each, and the moved statistics. */
export async function threeSteps(
  { x, gamma, beta, runningMean, runningVar }: ReturnType<typeof batchNormInputs>["tensors"],
  op: (x: Tensor) => Tensor,
  isRecorded: boolean,
) {
  const eager = (input: Tensor) => {
    const y = op(input);
    const loss = sum(mul(y, y));
    loss.backward();
    return loss;
  };
  const step = isRecorded ? gpu.record(eager) : eager;
  const results: number[][] = [];
  for (let k = 0; k < 3; k++) {
    const loss = await step(x).item();
    const gradients = [await gradientOf(gamma), await gradientOf(beta), await gradientOf(x)];
    results.push([loss, ...gradients.flatMap((values) => [...values])]);
  }
  return { results, running: [await runningMean.data(), await runningVar.data()] };
}

/** Of an outcome's output and gradients: where there's NaN, which infinity, or which sign. */
export function kindsOf({ y, dx, dgamma, dbeta }: Awaited<ReturnType<typeof outcomeOf>>) {
  const kinds = (values: Float32Array) =>
    Array.from(values, (value) => (Number.isFinite(value) ? Math.sign(value) : value));
  return { y: kinds(y), dx: kinds(dx), dgamma: kinds(dgamma), dbeta: kinds(dbeta) };
}
