import { crossEntropyGrad, crossEntropyLoss, labelMessage } from "../../kernels/cross-entropy.ts";
import { kindOf, requireOptions } from "../kind.ts";
import { formatShape } from "../shape.ts";
import { record } from "../tape.ts";
import { Tensor } from "../tensor.ts";
import { requireTensor } from "./check.ts";

/** Class numbers from 0, one a row: host data or an i32 tensor `[N]`. */
export type Labels = Int32Array | Tensor;

/** What `softmaxCrossEntropy` takes beside logits and labels. */
export interface SoftmaxCrossEntropyOptions {
  /** The share of the target that is spread over all classes evenly, 0 by default. */
  readonly labelSmoothing?: number;
  /** Rows with this label, a class or not, count neither in the sum nor in the mean, and have gradient 0. None by default. */
  readonly ignoreIndex?: number;
}

/**
 * Softmax cross-entropy, `mean over rows of -sum over classes of target * log(softmax(logits))`, where the target is
 * `(1 - labelSmoothing) * one-hot(label) + labelSmoothing / C`, as PyTorch's `cross_entropy`.
 *
 * Right for logits of any size. A label that names no class is an error: for an Int32Array here, for a tensor at the next
 * read of any tensor, with loss and gradient NaN until then. If all rows are ignored, the loss is NaN, the mean of nothing, as in PyTorch.
 * @param logits `[N, C]`
 * @param labels `[N]`
 * @returns a scalar, `[1]`
 * @throws Error if shapes don't fit, or a label of an Int32Array is out of range
 */
export function softmaxCrossEntropy(
  logits: Tensor,
  labels: Labels,
  options: SoftmaxCrossEntropyOptions = {},
): Tensor {
  requireOptions("softmaxCrossEntropy", options);
  const { labelSmoothing: smoothing = 0, ignoreIndex } = options;
  const { rows, classes } = checkLogits("softmaxCrossEntropy", logits, labels, ignoreIndex);
  if (ignoreIndex !== undefined && ignoreIndex !== (ignoreIndex | 0)) {
    throw new Error(`[softmaxCrossEntropy] 'ignoreIndex' must be a 32-bit integer, but got ${ignoreIndex}`);
  }
  if (!(smoothing >= 0 && smoothing <= 1)) {
    throw new Error(`[softmaxCrossEntropy] 'labelSmoothing' must lie in 0 to 1, but got ${smoothing}`);
  }
  const { device, gpu } = logits;
  const settings = { rows, classes, smoothing, ignoreIndex };
  const labelTensor = labels instanceof Tensor ? labels : uploadLabels(logits, labels);
  const peaks = gpu.temporary([rows]);
  const totals = gpu.temporary([rows]);
  const counted = gpu.temporary([1]);
  const loss = gpu.empty([1]);
  crossEntropyLoss(device, { logits, labels: labelTensor, loss, peaks, totals, counted }, settings);
  return record("softmaxCrossEntropy", loss, [logits], {
    saves: labels instanceof Tensor ? [logits, labels] : [logits],
    temporaries: [peaks, totals, counted, ...(labels instanceof Tensor ? [] : [labelTensor])],
    backward: (dloss, gradients) =>
      gradients.into(logits, (dlogits) => {
        const views = { logits, labels: labelTensor, peaks, totals, counted, dloss, dlogits };
        crossEntropyGrad(device, views, settings);
      }),
  });
}

/** The extents of logits that fit the labels, all of them classes or `ignoreIndex`. @throws Error if they don't */
export function checkLogits(
  op: string,
  logits: Tensor,
  labels: Labels,
  ignoreIndex?: number,
): { rows: number; classes: number } {
  requireTensor(op, "logits", logits);
  const [rows, classes] = logits.shape;
  if (logits.shape.length !== 2 || rows === undefined || classes === undefined || logits.dtype !== "f32") {
    throw new Error(
      `[${op}] 'logits' must be f32 [N, C], but got ${logits.dtype} ${formatShape(logits.shape)}`,
    );
  }
  if (labels instanceof Tensor) {
    if (labels.dtype !== "i32" || labels.shape.length !== 1 || labels.size !== rows) {
      throw new Error(
        `[${op}] 'labels' must be i32 [${rows}] to match logits ${formatShape(logits.shape)}, ` +
          `but got ${labels.dtype} ${formatShape(labels.shape)}`,
      );
    }
    return { rows, classes };
  }
  if (!(labels instanceof Int32Array) || labels.length !== rows) {
    throw new Error(
      `[${op}] 'labels' must be an Int32Array of ${rows} or an i32 tensor [${rows}] to match logits ` +
        `${formatShape(logits.shape)}, but got ${kindOf(labels)}`,
    );
  }
  const row = labels.findIndex((label) => label !== ignoreIndex && (label < 0 || label >= classes));
  if (row >= 0) throw new Error(labelMessage(op, labels[row] ?? 0, row, classes));
  return { rows, classes };
}

/** Labels of the host as a tensor that the caller releases. */
export function uploadLabels(logits: Tensor, labels: Int32Array): Tensor {
  logits.device.refuseWhileRecording(
    "softmaxCrossEntropy",
    "labels of the host would be the same in every replay; pass them as an argument",
  );
  const tensor = logits.gpu.temporary([labels.length], "i32");
  logits.device.write(tensor.storage, labels);
  return tensor;
}
