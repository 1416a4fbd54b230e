import { type KernelCase, noise, values, view } from "./cases.ts";
import { countCorrectReference, crossEntropyReference } from "./cross-entropy.reference.ts";
import {
  correctCount,
  countCorrectRows,
  crossEntropyBackward,
  crossEntropyGrad,
  crossEntropyLoss,
  crossEntropyMean,
  crossEntropyRows,
  metricsAdd,
} from "./cross-entropy.ts";

/** Around the 64 lanes of a workgroup in both directions; CIFAR-100 at batch 128; `scale` 1e8 drowns a naive exponential. */
const sizes: {
  rows: number;
  classes: number;
  smoothing?: number;
  scale?: number;
  ignoreIndex?: number;
  bench?: boolean;
}[] = [
  { rows: 1, classes: 1 },
  { rows: 3, classes: 2 },
  { rows: 63, classes: 64 },
  { rows: 65, classes: 63, smoothing: 0.1 },
  { rows: 64, classes: 65 },
  { rows: 130, classes: 131, smoothing: 0.2 },
  { rows: 7, classes: 5, scale: 1e8 },
  { rows: 7, classes: 5, scale: 1e8, smoothing: 0.1 },
  { rows: 67, classes: 3, ignoreIndex: 1 },
  { rows: 130, classes: 5, ignoreIndex: 4, smoothing: 0.2 },
  { rows: 128, classes: 100, bench: true },
];

function labels(rows: number, classes: number): Int32Array<ArrayBuffer> {
  return Int32Array.from(noise(rows, 9), (value) => Math.floor(((value + 1) / 2) * classes));
}

const tolerance = { relative: 3e-6, why: "WGSL's exp and log are right to a few units in the last place" };

export const crossEntropyCases: KernelCase[] = sizes.flatMap(
  ({ rows, classes, smoothing = 0, scale = 4, ignoreIndex, bench = false }) => {
    const name = `[${rows}, ${classes}] smoothing ${smoothing} scale ${scale}${ignoreIndex === undefined ? "" : ` without label ${ignoreIndex}`}`;
    const size = { rows, classes, smoothing, ignoreIndex };
    const logits = () => noise(rows * classes, 1).map((value) => Math.fround(value * scale));
    const cases: KernelCase[] = [
      {
        name: `cross_entropy_backward ${name}`,
        covers: [crossEntropyRows, crossEntropyMean, crossEntropyBackward],
        inputs: () => ({ logits: logits(), labels: labels(rows, classes), dloss: new Float32Array([1]) }),
        outputs: { loss: 1, dlogits: rows * classes },
        launch: (device, views) => {
          const peaks = device.allocate(rows * 4, "peaks");
          const totals = device.allocate(rows * 4, "totals");
          const counted = device.allocate(4, "counted");
          const kept = { peaks, totals, counted };
          const given = { logits: view(views, "logits"), labels: view(views, "labels"), ...kept };
          crossEntropyLoss(device, { ...given, loss: view(views, "loss") }, size);
          const gradients = { dloss: view(views, "dloss"), dlogits: view(views, "dlogits") };
          crossEntropyGrad(device, { ...given, ...gradients }, size);
          device.release(peaks);
          device.release(totals);
          device.release(counted);
        },
        reference: (inputs) => {
          const result = crossEntropyReference(
            values(inputs, "logits"),
            values(inputs, "labels"),
            smoothing,
            ignoreIndex,
          );
          return { loss: [result.loss], dlogits: result.dlogits };
        },
        tolerance,
        bench,
        bytes: 16 * rows * classes,
      },
      {
        name: `correct_count ${name}`,
        covers: [correctCount],
        // Few different values, so that rows have ties.
        inputs: () => ({ logits: logits().map(Math.round), labels: labels(rows, classes) }),
        outputs: { count: 1 },
        types: { count: "u32" },
        launch: (device, views) => {
          const given = { logits: view(views, "logits"), labels: view(views, "labels") };
          countCorrectRows(device, { ...given, count: view(views, "count") }, size);
        },
        reference: (inputs) => ({
          count: [countCorrectReference(values(inputs, "logits"), values(inputs, "labels"))],
        }),
        tolerance: "exact",
        bytes: 4 * rows * classes,
      },
    ];
    return cases;
  },
);

const bits = (value: number) => new Uint32Array(new Float32Array([value]).buffer)[0] ?? 0;

export const metricsCases: KernelCase[] = [
  {
    name: "metrics_add",
    covers: [metricsAdd],
    inputs: () => ({
      loss: new Float32Array([2.5]),
      count: new Uint32Array([3]),
      metrics: new Uint32Array([bits(10), 0, 7, 9]),
    }),
    outputs: { metrics: 4 },
    types: { metrics: "u32" },
    launch: (device, views) => {
      const given = {
        loss: view(views, "loss"),
        count: view(views, "count"),
        metrics: view(views, "metrics"),
      };
      metricsAdd(device, { ...given, n: 1, rows: 5 });
    },
    reference: () => ({ metrics: [bits(22.5), 0, 10, 14] }),
    tolerance: "exact",
  },
];
