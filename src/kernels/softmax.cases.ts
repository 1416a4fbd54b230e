import { type KernelCase, noise, values, view } from "./cases.ts";
import {
  logSoftmaxGradReference,
  logSoftmaxReference,
  softmaxGradReference,
  softmaxReference,
} from "./softmax.reference.ts";
import { softmaxes } from "./softmax.ts";

interface Size {
  readonly rows: number;
  readonly classes: number;
  readonly scale?: number;
  readonly special?: readonly number[];
  readonly bench?: boolean;
}

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

/** Around the 64 lanes of a workgroup; CIFAR-100 at batch 128; `scale` 1e8 drowns a naive exponential. */
const sizes: readonly Size[] = [
  { rows: 1, classes: 1 },
  { rows: 3, classes: 2 },
  { rows: 5, classes: 63 },
  { rows: 7, classes: 64 },
  { rows: 3, classes: 65 },
  { rows: 130, classes: 131 },
  { rows: 7, classes: 5, scale: 1e8 },
  { rows: 3, classes: 67, special: [-infinity] },
  { rows: 3, classes: 67, special: [nan] },
  { rows: 3, classes: 67, special: [infinity] },
  { rows: 128, classes: 100, bench: true },
];

const references = {
  softmax: { forward: softmaxReference, backward: softmaxGradReference },
  logSoftmax: { forward: logSoftmaxReference, backward: logSoftmaxGradReference },
};

export const softmaxCases: readonly KernelCase[] = (["softmax", "logSoftmax"] as const).flatMap((name) =>
  sizes.map(({ rows, classes, scale = 4, special, bench = false }): KernelCase => {
    const { forward, backward } = softmaxes[name];
    const size = { rows, classes };
    const count = rows * classes;
    return {
      name: `${name} [${rows}, ${classes}] scale ${scale}${special ? ` with ${special}` : ""}`,
      covers: [forward, backward],
      inputs: () => {
        const x = noise(count, 1).map((value) => value * scale);
        if (special) x.set(special, classes + 1);
        return { x, dy: noise(count, 2) };
      },
      outputs: { y: count, dx: count },
      launch: (device, views) => {
        const y = view(views, "y");
        forward(device, { x: view(views, "x"), y, ...size });
        backward(device, { y, dy: view(views, "dy"), dx: view(views, "dx"), ...size });
      },
      reference: (inputs) => {
        const x = values(inputs, "x");
        const { forward: y, backward: dx } = references[name];
        return { y: y(x, classes), dx: dx(x, values(inputs, "dy"), classes) };
      },
      tolerance: { relative: 2e-6, why: "WGSL's exp and log are right to a few units in the last place" },
      bench,
      bytes: 20 * count,
    };
  }),
);
