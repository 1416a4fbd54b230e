/** Whether two results are the same, up to rounding. */
import type { HostValues } from "../../src/kernels/cases.ts";
import type { Inputs } from "./inputs.ts";
import type { Work } from "./work.ts";

/**
 * The largest relative L2 difference between two results, both of which are right.
 *
 * float32 sums of up to a few thousand products differ by their order: 1e-6 or less; Winograd's algorithm, ours and cuDNN's, adds about 1e-6 to a convolution. A filter gradient sums over all
 * pixels of the batch, and roundings grow with the root of that: 2.3e-5 over 128 images of 32x32. A step of VGG passes 14 normalizations and as
 * many kinks of ReLU and ties of max-pools, which magnify that: one ReLU of the head that switches is 2 % of all gradients at quarter width. What's
 * compared of it are losses and the step that the parameters took.
 */
export function toleranceOf(work: Work): number {
  if (work.kind === "vgg-step") return 5e-2;
  const sumsOverImages = work.kind === "conv2d" && work.direction === "weight-grad";
  return 2e-5 * (sumsOverImages ? Math.sqrt(Math.max(1, work.batch / 32)) : 1);
}

/** Says what differs, if something does. */
export function difference(
  work: Work,
  inputs: Inputs,
  ours: Readonly<Record<string, HostValues>>,
  theirs: Readonly<Record<string, HostValues>>,
): string | undefined {
  for (const [name, expected] of Object.entries(ours)) {
    const got = theirs[name];
    if (!got || got.length !== expected.length)
      return `'${name}' has ${got?.length ?? "no"} elements in place of ${expected.length}`;
    const before = name === "parameters" ? parametersBefore(inputs) : undefined;
    const error = relativeDifference(got, expected, before);
    const limit = name === "losses" ? 1e-3 : toleranceOf(work);
    if (!(error <= limit)) return `'${name}' differs by ${error.toExponential(1)}, more than ${limit}`;
  }
  return undefined;
}

function parametersBefore(inputs: Inputs): number[] {
  const before: number[] = [];
  for (const [name, { data }] of Object.entries(inputs)) {
    if (!name.startsWith("parameter")) continue;
    for (const value of data) before.push(value);
  }
  return before;
}

/** |got - expected| / |expected - before|, in the L2 norm. */
function relativeDifference(got: HostValues, expected: HostValues, before?: readonly number[]): number {
  let error = 0;
  let size = 0;
  expected.forEach((value, k) => {
    error += ((got[k] ?? Number.NaN) - value) ** 2;
    size += (value - (before?.[k] ?? 0)) ** 2;
  });
  return Math.sqrt(error / size);
}
