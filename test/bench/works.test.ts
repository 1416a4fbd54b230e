import { describe, expect, it } from "vitest";
import { batchNorm, maxPool2d, mul, relu, softmaxCrossEntropy, sum, type Tensor } from "wgrad";
import { formatGrid, formatSpeed } from "../../bench/grid.ts";
import { difference } from "../../bench/versus/difference.ts";
import { type Inputs, inputsOf, valuesOf } from "../../bench/versus/inputs.ts";
import { prepareOurs } from "../../bench/versus/ours.ts";
import { listWork, type Work } from "../../bench/versus/work.ts";
import { gpu } from "../support/gpu.ts";

it("names every work once, and the old ones as ever", () => {
  const names = listWork({ width: 1, batch: 32, images: 32 }).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const old = ["64@32", "128@16", "256@8", "512@4"].flatMap((size) => [
    `conv-fwd-${size}`,
    `conv-dx-${size}`,
    `conv-dw-${size}`,
  ]);
  expect(names).toEqual(expect.arrayContaining(["vgg-step", "gemm-512", "batchnorm", ...old]));
});

const leaf = (inputs: Inputs, name: string) => {
  const { data, shape } = valuesOf(inputs, name);
  return gpu.tensor(data, shape, { requiresGrad: true });
};

/** The same by separate ops and the whole tape. */
const compositions: Readonly<Record<string, (inputs: Inputs) => [Tensor, Record<string, Tensor>]>> = {
  "batch-norm-relu": (inputs) => {
    const [x, gamma, beta] = [leaf(inputs, "x"), leaf(inputs, "gamma"), leaf(inputs, "beta")];
    const running = { runningMean: gpu.zeros([4]), runningVar: gpu.full([4], 1) };
    const y = relu(batchNorm(x, gamma, beta, { ...running, training: true }));
    return [y, { dx: x, dgamma: gamma, dbeta: beta }];
  },
  "max-pool": (inputs) => {
    const x = leaf(inputs, "x");
    return [maxPool2d(x, { size: 2 }), { dx: x }];
  },
  "cross-entropy": (inputs) => {
    const logits = leaf(inputs, "logits");
    const labels = Int32Array.from(valuesOf(inputs, "labels").data);
    return [softmaxCrossEntropy(logits, labels), { dlogits: logits }];
  },
};

describe("a layer's work", () => {
  const images = { batch: 3, extent: 6, channels: 4 };
  const sizes: Work[] = (["forward", "backward"] as const).flatMap((direction): Work[] => [
    { name: "", kind: "batch-norm-relu", direction, ...images, rate: 0.5 },
    { name: "", kind: "max-pool", direction, ...images },
    { name: "", kind: "cross-entropy", direction, rows: 5, classes: 7 },
  ]);
  for (const work of sizes) {
    const direction = "direction" in work ? work.direction : "";
    it(`${work.kind} ${direction} gives what the ops give, and its memory back`, async () => {
      const inputs = inputsOf(work);
      const [y, leaves] = compositions[work.kind]?.(inputs) ?? [];
      if (!y || !leaves) throw new Error("no composition");
      y.keep();
      const expected: Record<string, Float32Array<ArrayBuffer>> = {};
      if (direction === "forward") expected.y = await y.data();
      else {
        const { dy } = inputs;
        (dy ? sum(mul(y, gpu.tensor(dy.data, dy.shape))) : y).backward();
        for (const [name, { grad }] of Object.entries(leaves)) if (grad) expected[name] = await grad.data();
      }

      gpu.device.trim();
      const before = gpu.memory.bytes;
      const prepared = await prepareOurs(gpu, work, inputs);
      expect(difference(work, inputs, expected, prepared.outputs)).toBeUndefined();
      for (let k = 0; k < 3; k++) prepared.run();
      await prepared.wait();
      prepared.free();
      expect(gpu.memory.bytes).toBe(before);
    });
  }
});

it("tables layers by direction, with shares of the peak", () => {
  const cell = (family: string, row: string, column: string, gflops: number | null) => ({
    ...{ family, row, column },
    text: formatSpeed(2, gflops, 100),
  });
  const text = formatGrid([
    cell("conv", "3->8", "forward", 50),
    cell("conv", "8->8", "forward", 120),
    cell("conv", "8->8", "filter", 10),
    cell("pool", "pool", "forward", null),
  ]);
  expect(text.split("\n").filter((line) => line.includes(" ms"))).toEqual([
    expect.stringMatching(/│ 3->8 │\s+50.0 \(50 %\), 2.00 ms │\s+│/),
    expect.stringMatching(/│ 8->8 │\s+120 \(120 %\), 2.00 ms │\s+10.0 \(10 %\), 2.00 ms │/),
    expect.stringMatching(/│ pool │\s+2.00 ms │/),
  ]);
});
