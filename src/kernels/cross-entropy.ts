/**
 * Softmax cross-entropy of logits `[rows, classes]` with one label a row, its gradient, and the count of right answers.
 *
 * A workgroup takes a row: lanes stride over its classes and combine in a tree, so the order is fixed and neighbouring
 * lanes load neighbouring logits. The loss is log(sum(exp(x - max))) - (x[label] - max): right at any size of logits. Backward keeps
 * max and sum, not their log-sum-exp, which at 1e8 has steps of 8.
 *
 * A label without a class makes loss and gradient NaN (from a parameter: WGSL has no NaN of its own), reads nothing outside the
 * row, and is reported as a fault by the reduction over the rows, which sees the first such row. Rows whose label is the one to ignore, if there is
 * one, give 0 and count in no mean.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { defineFault } from "../gpu/faults.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";
import { isNanWgsl } from "./nan.ts";
import { launchMax } from "./reduce.ts";

const lanes = 64;
const nan = 0x7fc00000;

const labelFault = defineFault((row, label, classes) =>
  labelMessage("softmaxCrossEntropy", label, row, classes),
);

/** Combines the lanes' values in a tree: `combine` takes those of lane `lane + half` to those of `lane`. Lane 0 has the result. */
const inTree = (combine: string) => wgsl`
    for (var half = u32(lanes) / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (lane < half) { ${combine} }
    }`;

/** The message for a label that names no class. */
export function labelMessage(op: string, label: number, row: number, classes: number): string {
  return (
    `[${op}] label ${label} of row ${row} is no class: there are ${classes} classes, ` +
    `so labels go from 0 to ${classes - 1}`
  );
}

/** Which label stands for none, if `ignores` is 1. */
const ignoring = { ignores: "u32", ignored: "i32" } as const;
const isIgnoredWgsl = wgsl`
    fn is_ignored(label: i32) -> bool { return params.ignores == 1u && label == params.ignored; }`;

export const crossEntropyRows = kernel("cross_entropy_rows", {
  read: { logits: "scalar", labels: "i32" },
  write: { losses: "f32", peaks: "f32", totals: "f32" },
  params: { rows: "u32", classes: "u32", smoothing: "f32", nan: "u32", ...ignoring },
  constants: { lanes },
  workgroupSize: lanes,
  groups: ({ rows }) => rows,
  declarations: wgsl`
    ${isNanWgsl}${isIgnoredWgsl}
    var<workgroup> first: array<f32, lanes>;
    var<workgroup> second: array<f32, lanes>;`,
  body: wgsl`
    let begin = group * params.classes;
    var peak = logits[begin + min(lane, params.classes - 1u)];
    for (var class_ = lane + lanes; class_ < params.classes; class_ += lanes) {
      peak = max(peak, logits[begin + class_]);
    }
    first[lane] = peak;${inTree("first[lane] = max(first[lane], first[lane + half]);")}
    workgroupBarrier();
    peak = first[0];
    workgroupBarrier();

    var total = 0f;
    var distance = 0f;
    for (var class_ = lane; class_ < params.classes; class_ += lanes) {
      let value = logits[begin + class_] - peak;
      total += select(exp(value), value, is_nan(value));
      distance += value;
    }
    first[lane] = total;
    second[lane] = distance;${inTree("first[lane] += first[lane + half]; second[lane] += second[lane + half];")}
    if (lane > 0u) { return; }
    let label = labels[group];
    let valid = label >= 0 && label < i32(params.classes);
    let log_total = select(log(first[0]), first[0], is_nan(first[0]));
    var loss = log_total - (logits[begin + select(0u, u32(label), valid)] - peak);
    if (params.smoothing > 0f) {
      let uniform_loss = log_total - second[0] / f32(params.classes);
      loss = (1f - params.smoothing) * loss + params.smoothing * uniform_loss;
    }
    losses[group] = select(bitcast<f32>(select(params.nan, bitcast<u32>(loss), valid)), 0f, is_ignored(label));
    peaks[group] = peak;
    totals[group] = first[0];`,
});

/** The mean of the losses of the rows that count, how many those are, and the first row whose label names no class. The mean of none is NaN. */
export const crossEntropyMean = kernel("cross_entropy_mean", {
  read: { losses: "f32", labels: "i32" },
  write: { loss: "f32", counted: "f32" },
  update: { faults: "u32" },
  params: { rows: "u32", classes: "u32", fault: "u32", nan: "u32", ...ignoring },
  constants: { lanes },
  workgroupSize: lanes,
  groups: () => 1,
  declarations: wgsl`${isIgnoredWgsl}
    var<workgroup> sums: array<f32, lanes>;
    var<workgroup> counts: array<u32, lanes>;
    var<workgroup> bad_rows: array<u32, lanes>;`,
  body: wgsl`
    var sum = 0f;
    var count = 0u;
    var bad_row = params.rows;
    for (var row = lane; row < params.rows; row += lanes) {
      let label = labels[row];
      if (is_ignored(label)) { continue; }
      sum += losses[row];
      count++;
      if (label < 0 || label >= i32(params.classes)) { bad_row = min(bad_row, row); }
    }
    sums[lane] = sum;
    counts[lane] = count;
    bad_rows[lane] = bad_row;${inTree("sums[lane] += sums[lane + half]; counts[lane] += counts[lane + half]; bad_rows[lane] = min(bad_rows[lane], bad_rows[lane + half]);")}
    if (lane > 0u) { return; }
    let total = f32(counts[0]);
    loss[0] = bitcast<f32>(select(params.nan, bitcast<u32>(sums[0] / total), counts[0] > 0u));
    counted[0] = total;
    if (bad_rows[0] < params.rows && faults[0] == 0u) {
      faults[0] = params.fault;
      faults[1] = bad_rows[0];
      faults[2] = bitcast<u32>(labels[bad_rows[0]]);
      faults[3] = params.classes;
    }`,
});

/** dlogits = (softmax(logits) - target) * dloss / counted, 0 in rows that don't count, where target = (1 - smoothing) * one-hot + smoothing / classes. */
export const crossEntropyBackward = kernel("cross_entropy_backward", {
  read: { logits: "scalar", labels: "i32", peaks: "f32", totals: "f32", counted: "f32", dloss: "f32" },
  write: { dlogits: "scalar" },
  params: { rows: "u32", classes: "u32", smoothing: "f32", nan: "u32", ...ignoring },
  constants: { lanes },
  workgroupSize: lanes,
  groups: ({ rows }) => rows,
  declarations: isIgnoredWgsl,
  body: wgsl`
    let begin = group * params.classes;
    let peak = peaks[group];
    let total = totals[group];
    let scale = dloss[0] / counted[0];
    let label = labels[group];
    let valid = label >= 0 && label < i32(params.classes);
    let elsewhere = params.smoothing / f32(params.classes);
    for (var class_ = lane; class_ < params.classes; class_ += lanes) {
      let probability = exp(logits[begin + class_] - peak) / total;
      let target_ = elsewhere + select(0f, 1f - params.smoothing, i32(class_) == label);
      let gradient = (probability - target_) * scale;
      let known = bitcast<f32>(select(params.nan, bitcast<u32>(gradient), valid));
      dlogits[begin + class_] = select(known, 0f, is_ignored(label));
    }`,
});

/** How many rows have their maximum (whose element of the logits is `index`) at their label. */
export const correctCount = kernel("correct_count", {
  read: { index: "u32", labels: "i32" },
  write: { count: "u32" },
  params: { rows: "u32", classes: "u32" },
  constants: { lanes },
  workgroupSize: lanes,
  groups: () => 1,
  declarations: wgsl`
    var<workgroup> sums: array<u32, lanes>;`,
  body: wgsl`
    var sum = 0u;
    for (var row = lane; row < params.rows; row += lanes) {
      sum += select(0u, 1u, i32(index[row] - row * params.classes) == labels[row]);
    }
    sums[lane] = sum;${inTree("sums[lane] += sums[lane + half];")}
    if (lane > 0u) { return; }
    count[0] = sums[0];`,
});

/** metrics += (loss * rows, count, rows). Words: sum of losses (f32), what its rounding lost (f32), right answers, rows. */
export const metricsAdd = kernel("metrics_add", {
  read: { loss: "f32", count: "u32" },
  update: { metrics: "u32" },
  params: { n: "u32", rows: "u32" },
  workgroupSize: 1,
  body: wgsl`
    if (i >= params.n) { return; }
    let sum = bitcast<f32>(metrics[0]);
    let term = loss[0] * f32(params.rows) - bitcast<f32>(metrics[1]);
    let next = sum + term;
    metrics[0] = bitcast<u32>(next);
    metrics[1] = bitcast<u32>((next - sum) - term);
    metrics[2] += count[0];
    metrics[3] += params.rows;`,
});

export interface CrossEntropySize {
  readonly rows: number;
  readonly classes: number;
}

export interface CrossEntropySettings extends CrossEntropySize {
  readonly smoothing: number;
  /** The label of rows that don't count. */
  readonly ignoreIndex?: number | undefined;
}

function parameters({ rows, classes, smoothing, ignoreIndex }: CrossEntropySettings) {
  const ignores = ignoreIndex === undefined ? 0 : 1;
  return { rows, classes, smoothing, nan, ignores, ignored: ignoreIndex ?? 0 };
}

/** The mean loss of the rows; `peaks` and `totals` (a float a row) and `counted` (a float) are for backward. */
export function crossEntropyLoss(
  device: Device,
  views: Readonly<Record<"logits" | "labels" | "loss" | "peaks" | "totals" | "counted", BufferView>>,
  settings: CrossEntropySettings,
): void {
  const { logits, labels, loss, peaks, totals, counted } = views;
  const params = parameters(settings);
  const losses = device.allocate(settings.rows * 4, "losses");
  crossEntropyRows(device, { logits, labels, losses, peaks, totals, ...params });
  const faults = device.faults.view;
  crossEntropyMean(device, { losses, labels, loss, counted, faults, ...params, fault: labelFault });
  device.release(losses);
}

export function crossEntropyGrad(
  device: Device,
  views: Readonly<
    Record<"logits" | "labels" | "peaks" | "totals" | "counted" | "dloss" | "dlogits", BufferView>
  >,
  settings: CrossEntropySettings,
): void {
  crossEntropyBackward(device, { ...views, ...parameters(settings) });
}

/** The number of rows whose first maximum is the label. NaN is the largest. */
export function countCorrectRows(
  device: Device,
  { logits, labels, count }: Readonly<Record<"logits" | "labels" | "count", BufferView>>,
  { rows, classes }: CrossEntropySize,
): void {
  const y = device.allocate(rows * 4, "largest logits");
  const index = device.allocate(rows * 4, "largest logits' elements");
  launchMax(device, { x: logits, y, index, shape: [rows, classes], axes: [1] });
  correctCount(device, { index, labels, count, rows, classes });
  device.release(y);
  device.release(index);
}
