/**
 * Sum, mean and maximum over any axes.
 *
 * One pass reduces a tensor seen as [outer, reduced, inner]: each invocation adds up at most 256 elements of one output,
 * every `slices`-th row, so that neighbours read neighbours even where inner is 1. As long as several slices are left,
 * another pass follows. The partition depends on the shape alone, so the bits do too. Within an invocation eight elements are
 * added as a tree, the trees one after the other: the error grows with 32 additions a pass, not with the length (1e7
 * elements: below 1e-6). Workgroup trees were rejected: they need barriers, which cost more than they save on software
 * adapters, and a second kernel for inner > 1. Compensated sums were rejected since WGSL lets a compiler reorder them away.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";
import { outputSize, planPasses } from "./reduce-plan.ts";

const sumParams = {
  n: "u32",
  reduced: "u32",
  inner: "u32",
  slices: "u32",
  size: "u32",
  divisor: "f32",
} as const;

/** One pass, by elements or by vec4s. `size` elements exist, so the last vec4 may hold fewer than four. */
function sumKernel(element: "scalar" | "quad") {
  const load =
    element === "scalar"
      ? wgsl`return x[at];`
      : wgsl`return select(quad(0), x[at], 4 * at + vec4u(0, 1, 2, 3) < vec4u(params.size));`;
  return kernel(`sum_${element}s`, {
    read: { x: element },
    write: { y: element },
    params: sumParams,
    declarations: wgsl`fn load(at: u32) -> ${element} { ${load} }`,
    body: wgsl`
      if (i >= params.n) { return; }
      let column = i % params.inner;
      let slice = (i / params.inner) % params.slices;
      let first = (i / (params.inner * params.slices)) * params.reduced * params.inner + column;
      let step = params.slices * params.inner;
      let end = first + params.reduced * params.inner;
      var at = first + slice * params.inner;
      var sum = ${element}(0);
      for (; at + 7 * step < end; at += 8 * step) {
        let low = (load(at) + load(at + step)) + (load(at + 2 * step) + load(at + 3 * step));
        let high = (load(at + 4 * step) + load(at + 5 * step)) + (load(at + 6 * step) + load(at + 7 * step));
        sum += low + high;
      }
      for (; at < end; at += step) { sum += load(at); }
      y[i] = sum / params.divisor;`,
  });
}

export const sumScalars = sumKernel("scalar");
export const sumQuads = sumKernel("quad");

/**
 * One pass of the maximum, with the element of the input where it stands. NaN counts as the largest; of equals the first
 * wins. Compared as integers that have the floats' order: a comparison with NaN isn't defined in WGSL.
 */
export const maxForward = kernel("max_forward", {
  read: { x: "scalar", origin: "u32" },
  write: { y: "scalar", index: "u32" },
  params: { n: "u32", reduced: "u32", inner: "u32", slices: "u32", first_pass: "u32" },
  declarations: wgsl`
    fn rank_of(value: scalar) -> u32 {
      let bits = bitcast<u32>(value);
      let magnitude = bits & 0x7fffffffu;
      if (magnitude > 0x7f800000u) { return 0xffffffffu; }
      if (magnitude == 0u) { return 0x80000000u; }
      return select(bits | 0x80000000u, ~bits, bits != magnitude);
    }`,
  body: wgsl`
    if (i >= params.n) { return; }
    let column = i % params.inner;
    let slice = (i / params.inner) % params.slices;
    let first = (i / (params.inner * params.slices)) * params.reduced * params.inner + column;
    let end = first + params.reduced * params.inner;
    var best = first + slice * params.inner;
    var best_rank = rank_of(x[best]);
    var best_index = select(origin[best], best, params.first_pass == 1u);
    for (var at = best + params.slices * params.inner; at < end; at += params.slices * params.inner) {
      let rank = rank_of(x[at]);
      let index = select(origin[at], at, params.first_pass == 1u);
      if (rank > best_rank || (rank == best_rank && index < best_index)) {
        best = at;
        best_rank = rank;
        best_index = index;
      }
    }
    y[i] = x[best];
    index[i] = best_index;`,
});

/** Where along an axis the element `index` of a tensor stands: the stride of the axis, and its extent. */
export const placeAlongAxis = kernel("place_along_axis", {
  read: { index: "u32" },
  write: { place: "i32" },
  params: { n: "u32", stride: "u32", extent: "u32" },
  elementwise: true,
  body: wgsl`
    place[i] = i32(index[i] / params.stride % params.extent);`,
});

/** dx[index] = dy: an output's maximum lies in no other output's range, so no two writes meet. dx holds zeros before. */
export const maxBackward = kernel("max_backward", {
  read: { dy: "scalar", index: "u32" },
  update: { dx: "scalar" },
  params: { n: "u32" },
  body: wgsl`
    if (i >= params.n) { return; }
    dx[index[i]] = dy[i];`,
});

export interface Reduction {
  readonly x: BufferView;
  readonly y: BufferView;
  /** The shape of x. */
  readonly shape: readonly number[];
  /** What is reduced: sorted, without repetition. */
  readonly axes: readonly number[];
}

/** y = sum of x over the axes, divided by `divisor`. */
export function launchSum(
  device: Device,
  { x, y, shape, axes, divisor = 1 }: Reduction & { divisor?: number },
) {
  const passes = planPasses(shape, axes, true);
  let source = x;
  passes.forEach((pass, step) => {
    const isLast = step === passes.length - 1;
    const n = outputSize(pass);
    const target = isLast ? y : device.allocate(n * 4, "partial sums");
    const { reduced, inner, slices, size } = pass;
    const args = { x: source, y: target, reduced, slices, size, divisor: isLast ? divisor : 1 };
    if (inner % 4 === 0) sumQuads(device, { ...args, n: n / 4, inner: inner / 4 });
    else sumScalars(device, { ...args, n, inner });
    if (source !== x) device.release(source);
    source = target;
  });
}

/** y = maximum of x over the axes; `index` (u32) = the element of x where it stands. */
export function launchMax(device: Device, { x, y, index, shape, axes }: Reduction & { index: BufferView }) {
  const passes = planPasses(shape, axes, false);
  let source = { x, origin: x };
  passes.forEach((pass, step) => {
    const isLast = step === passes.length - 1;
    const n = outputSize(pass);
    const target = isLast
      ? { y, index }
      : { y: device.allocate(n * 4, "partial maxima"), index: device.allocate(n * 4, "partial maxima") };
    const { reduced, inner, slices } = pass;
    maxForward(device, { ...source, ...target, n, reduced, inner, slices, first_pass: step === 0 ? 1 : 0 });
    if (step > 0) {
      device.release(source.x);
      device.release(source.origin);
    }
    source = { x: target.y, origin: target.index };
  });
}
