import { binaryCrossEntropyReference } from "./binary-cross-entropy.reference.ts";
import {
  binaryCrossEntropyBackward,
  binaryCrossEntropyForward,
  binaryCrossEntropyTargetGrad,
} from "./binary-cross-entropy.ts";
import { type KernelCase, noise, values, view } from "./cases.ts";

export const binaryCrossEntropyCases: readonly KernelCase[] = [1, 3, 4, 67, 1023].flatMap((count) =>
  // Large logits, and ones so small that nothing but the series counts.
  [1, 40].map((scale): KernelCase => {
    const n = Math.ceil(count / 4);
    return {
      name: `binary_cross_entropy [${count}] scale ${scale}`,
      covers: [binaryCrossEntropyForward, binaryCrossEntropyBackward, binaryCrossEntropyTargetGrad],
      inputs: () => ({
        x: noise(count, 1).map((value) => value * scale),
        targets: noise(count, 2).map((value) => (value + 1) / 2),
        dlosses: new Float32Array(count).fill(1),
      }),
      outputs: { losses: count, dx: count, dtargets: count },
      launch: (device, views) => {
        const given = { x: view(views, "x"), targets: view(views, "targets"), n };
        const dlosses = view(views, "dlosses");
        binaryCrossEntropyForward(device, { ...given, losses: view(views, "losses") });
        binaryCrossEntropyBackward(device, { ...given, dlosses, dx: view(views, "dx") });
        binaryCrossEntropyTargetGrad(device, { ...given, dlosses, dtargets: view(views, "dtargets") });
      },
      reference: (inputs) => ({
        ...binaryCrossEntropyReference(values(inputs, "x"), values(inputs, "targets")),
      }),
      tolerance: {
        relative: 6e-7,
        why: "WGSL's exp is right to a few units in the last place; three roundings",
      },
      bytes: 28 * count,
    };
  }),
);
