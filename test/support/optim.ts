/** Leaves and gradients for tests of optimisers, as test/nn/make_optim_fixtures.py makes them. */
import { mul, sum, type Tensor } from "wgrad";
import { noise } from "../../src/kernels/cases.ts";
import { gpu } from "./gpu.ts";

/** Parameter k is `noise(count, k + 1)`. */
export function leaves(counts: readonly number[]): Tensor[] {
  return counts.map((count, k) =>
    gpu.tensor(noise(count, k + 1), [count], { requiresGrad: true, name: `p${k}` }),
  );
}

/** Leaves gradients `noise(size, seed + k)` in the tensors. */
export function giveGradients(tensors: readonly Tensor[], seed: number): void {
  tensors.forEach((tensor, k) => {
    sum(mul(tensor, gpu.tensor(noise(tensor.size, seed + k), tensor.shape))).backward();
  });
}

/** How many dispatches `fn` makes; they don't run. */
export function dispatchesOf(fn: () => void): number {
  let dispatches = 0;
  const sink = { dispatch: () => void dispatches++, copy: () => {}, clear: () => {} };
  gpu.device.stream.redirect(sink, fn);
  return dispatches;
}

/** Host copies of a state, as a snapshot has them. */
export async function saved(state: {
  readonly settings: Readonly<Record<string, number | string | boolean>>;
  readonly tensors: Readonly<Record<string, Tensor>>;
}) {
  const entries = Object.entries(state.tensors).map(
    async ([name, tensor]) => [name, { shape: tensor.shape, data: await tensor.data() }] as const,
  );
  return { settings: { ...state.settings }, tensors: Object.fromEntries(await Promise.all(entries)) };
}
