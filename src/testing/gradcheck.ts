/**
 * Checks gradients against finite differences, as Chainer does: along a random direction, put together in float64.
 *
 * The forward runs in float32 on the GPU, so a difference carries noise of about 1e-7 of the output, divided by the step; a
 * larger step lowers that and raises the truncation error of central differences, which is of second order. A step of 1/256
 * of an input's magnitude keeps both near 2e-5 for smooth functions. Points after rounding to float32 are what the difference
 * is divided by, so that rounding of the step costs nothing.
 */
import { philox } from "../kernels/philox.ts";
import { mul } from "../tensor/ops/arithmetic.ts";
import { sum } from "../tensor/ops/reduce.ts";
import { formatShape } from "../tensor/shape.ts";
import { noGrad } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** How strictly `gradcheck` looks, and where. */
export interface GradcheckOptions {
  /** Step of the finite difference, relative to the root mean square of the input (to 1 for an input of zeros). 1/256 by default. */
  readonly eps?: number;
  /** Largest error, relative to the size that the derivative has for a random direction. 1e-3 by default. */
  readonly tolerance?: number;
  /** Of the random direction and of the weights that the output is summed with. 0 by default. */
  readonly seed?: number;
  /** Whether to check every element by itself: two runs of `fn` each, so for small inputs. Otherwise one direction an input. */
  readonly elementwise?: boolean;
}

/**
 * Checks the gradient of `fn` with respect to each f32 input.
 *
 * With w random, L = sum(w fn(x)), and d random signs times the step, `sum(dL/dx d)` by `backward()` must equal
 * `(L(x + d) - L(x - d)) / 2` within the tolerance. The inputs are copied, so they and their `.grad` stay as they are; `fn`
 * must use the tensors that it's given, be the same at every call (a dropout that draws isn't), and smooth within a step (an
 * input of ReLU nearer to 0 than that fails).
 * @param fn of the inputs, synchronous, to a tensor of any shape
 * @param inputs at least one f32; others are passed on as they are
 * @throws Error that names the input and both values, analytic and numeric, where they differ
 */
export async function gradcheck(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): Promise<void> {
  const { eps = 1 / 256, tolerance = 1e-3, seed = 0, elementwise = false } = options;
  const values = await Promise.all(inputs.map((x) => (x.dtype === "f32" ? x.data() : undefined)));
  if (values.every((value) => value === undefined)) {
    throw new Error("[gradcheck] 'inputs' must hold an f32 tensor: nothing else has a gradient");
  }
  const { weights, gradients } = await differentiate(fn, inputs, values, seed);

  for (const [k, x] of inputs.entries()) {
    const value = values[k];
    const gradient = gradients[k];
    if (!value || !gradient) continue;
    const step = eps * (rootMeanSquare(value) || 1);
    const signs = randomSigns(value.length, seed, k);
    const directions = elementwise
      ? Array.from(value, (_, element) => ({
          element,
          direction: value.map((_, j) => (j === element ? step : 0)),
        }))
      : [{ element: undefined, direction: value.map((_, j) => step * (signs[j] ?? 1)) }];
    // What the derivative is for random signs: the root of the sum of squares. It doesn't vanish where terms cancel.
    const size = Math.sqrt(gradient.reduce((total, slope) => total + slope * slope, 0)) * step;
    for (const { element, direction } of directions) {
      const above = value.map((at, j) => at + (direction[j] ?? 0));
      const below = value.map((at, j) => at - (direction[j] ?? 0));
      const high = await evaluate(fn, inputs, k, above);
      const low = await evaluate(fn, inputs, k, below);
      const numeric = weights.reduce((total, w, j) => total + w * ((high[j] ?? 0) - (low[j] ?? 0)), 0) / 2;
      const analytic =
        gradient.reduce((total, slope, j) => total + slope * ((above[j] ?? 0) - (below[j] ?? 0)), 0) / 2;
      const allowed = tolerance * Math.max(size, Math.abs(numeric));
      if (Math.abs(numeric - analytic) <= allowed) continue;
      throw new Error(
        `[gradcheck] the gradient of input ${k}${x.name === "" ? "" : ` '${x.name}'`} ${formatShape(x.shape)} is wrong ` +
          `${element === undefined ? "along a random direction" : `at element ${element}`}: analytic ` +
          `${(analytic / step).toPrecision(6)}, numeric ${(numeric / step).toPrecision(6)}, ` +
          `allowed error ${(allowed / step).toPrecision(3)}`,
      );
    }
  }
}

type Values = Float32Array<ArrayBuffer>;

/** The weights of the output's sum, and what `backward()` makes of it for each input. */
async function differentiate(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  values: readonly (Values | undefined)[],
  seed: number,
) {
  const leaves = inputs.map((x, k) => {
    const value = values[k];
    return value ? x.gpu.tensor(value, x.shape, { requiresGrad: true, name: x.name }) : x;
  });
  const y = fn(...leaves);
  const weights = randomWeights(y.size, seed);
  sum(mul(y, y.gpu.tensor(weights, y.shape))).backward();
  const gradients: (Values | undefined)[] = [];
  for (const [k, leaf] of leaves.entries()) {
    const zeros = values[k] && new Float32Array(leaf.size);
    gradients.push(leaf.grad && values[k] ? await leaf.grad.data() : zeros);
  }
  return { weights, gradients };
}

/** fn of the inputs with another value of the k-th. */
async function evaluate(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  k: number,
  value: Values,
): Promise<Values> {
  const run = () =>
    fn(...inputs.map((x, j) => (j === k ? x.gpu.tensor(value, x.shape, { name: x.name }) : x)));
  const y = inputs[k]?.gpu.scope(() => noGrad(run));
  return y ? y.data() : new Float32Array();
}

function rootMeanSquare(values: Values): number {
  return Math.sqrt(values.reduce((total, value) => total + value * value, 0) / values.length);
}

/** Philox words of a seed: one stream for each `use`. */
function randomWords(count: number, seed: number, use: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, k) => philox([k, use, 0, 0], [seed, 0])[0]);
}

function randomSigns(count: number, seed: number, input: number): number[] {
  return Array.from(randomWords(count, seed, input + 1), (word) => (word & 1 ? 1 : -1));
}

/** From 0.5 to 1.5 with random signs: no output counts for nothing. */
function randomWeights(count: number, seed: number): Values {
  return Float32Array.from(
    randomWords(count, seed, 0),
    (word) => (0.5 + (word >>> 8) / 2 ** 24) * (word & 1 ? 1 : -1),
  );
}
