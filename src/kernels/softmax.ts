/**
 * Softmax and log-softmax of each row of `[rows, classes]`, and their gradients.
 *
 * A workgroup takes a row: lanes stride over its classes and combine in a tree, so the order is fixed and neighbouring lanes load
 * neighbouring elements. The row's maximum comes off first, which makes it right at any size of x. A row with NaN or Infinity is NaN.
 */
import { kernel, wgsl } from "../gpu/kernel.ts";
import { isNanWgsl } from "./nan.ts";

const lanes = 64;

const rowKernel = {
  params: { rows: "u32", classes: "u32" },
  constants: { lanes },
  workgroupSize: lanes,
  groups: ({ rows }: { readonly rows: number }) => rows,
} as const;

/** `row_sum` and `row_max` of what the lanes bring. */
const acrossLanes = (name: string, combined: string) => wgsl`
    fn row_${name}(lane: u32, value: scalar) -> scalar {
      workgroupBarrier();
      slots[lane] = value;
      for (var half = u32(lanes) / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) { slots[lane] = ${combined}; }
      }
      workgroupBarrier();
      return slots[0];
    }`;
const sums = wgsl`
    var<workgroup> slots: array<scalar, lanes>;${acrossLanes("sum", "slots[lane] + slots[lane + half]")}`;

/** e^x; NaN stays NaN, which exp needn't do. */
const power = wgsl`${isNanWgsl}
    fn power(x: scalar) -> scalar { return select(select(exp(x), 0, x < -87), x, is_nan(x)); }`;

const forward = (label: string, result: string) =>
  kernel(label, {
    read: { x: "scalar" },
    write: { y: "scalar" },
    ...rowKernel,
    declarations: power + sums + acrossLanes("max", "max(slots[lane], slots[lane + half])"),
    body: wgsl`
    let begin = group * params.classes;
    let end = begin + params.classes;
    var largest = x[begin];
    for (var k = begin + lane; k < end; k += lanes) { largest = max(largest, x[k]); }
    let peak = row_max(lane, largest);
    var powers = scalar(0);
    for (var k = begin + lane; k < end; k += lanes) { powers += power(x[k] - peak); }
    let total = row_sum(lane, powers);
    for (var k = begin + lane; k < end; k += lanes) { y[k] = ${result}; }`,
  });

const backward = (label: string, term: string, result: string) =>
  kernel(label, {
    read: { y: "scalar", dy: "scalar" },
    write: { dx: "scalar" },
    ...rowKernel,
    declarations: power + sums,
    body: wgsl`
    let begin = group * params.classes;
    let end = begin + params.classes;
    var terms = scalar(0);
    for (var k = begin + lane; k < end; k += lanes) { terms += ${term}; }
    let total = row_sum(lane, terms);
    for (var k = begin + lane; k < end; k += lanes) { dx[k] = ${result}; }`,
  });

/** y = e^(x - peak) / total, where total is the row's sum of e^(x - peak). */
export const softmaxForward = forward("softmax_forward", "power(x[k] - peak) / total");
/** dx = y (dy - sum(dy y)). */
export const softmaxBackward = backward("softmax_backward", "dy[k] * y[k]", "y[k] * (dy[k] - total)");
/** y = x - peak - ln(total). */
export const logSoftmaxForward = forward(
  "log_softmax_forward",
  "(x[k] - peak) - select(log(total), total, is_nan(total))",
);
/** dx = dy - e^y sum(dy). */
export const logSoftmaxBackward = backward("log_softmax_backward", "dy[k]", "dy[k] - power(y[k]) * total");

export const softmaxes = {
  softmax: { forward: softmaxForward, backward: softmaxBackward },
  logSoftmax: { forward: logSoftmaxForward, backward: logSoftmaxBackward },
};
