/** Tensors of two GPUs don't mix: refused before anything is encoded, by the kernel and the argument. */
import { expect, it } from "vitest";
import * as wgrad from "wgrad";
import { gpu } from "../support/gpu.ts";

const { add, batchNorm, concat, conv2d, createGpu, dropout, matmul, nn, softmaxCrossEntropy, where } = wgrad;

const other = await createGpu({ device: gpu.device.raw });
const [x, far] = [gpu.full([2, 2], 1), other.full([2, 2], 1, { name: "far" })];
const statistics = { runningMean: gpu.zeros([2]), runningVar: gpu.zeros([2]), training: true };

it.each<[string, () => unknown]>([
  ["add", () => add(x, far)],
  ["where", () => where(x, far, 0)],
  ["concat, which gave zeros", () => concat([x, far])],
  ["matmul", () => matmul(x, far)],
  ["conv2d", () => conv2d(gpu.zeros([1, 4, 4, 2]), other.zeros([3, 3, 3, 2], { name: "far" }))],
  ["batchNorm", () => batchNorm(x, other.zeros([2], { name: "far" }), gpu.zeros([2]), statistics)],
  [
    "softmaxCrossEntropy",
    () => softmaxCrossEntropy(x, other.tensor(new Int32Array(2), [2], { name: "far" })),
  ],
  ["dropout", () => dropout(x, { rate: 0.5, training: true, rng: other.rng(1) })],
  ["a layer", () => new nn.Linear(gpu, { in: 2, out: 1 }).forward(far)],
  ["a recorded step", () => gpu.record(() => add(x, far))()],
])("%s", (_, op) => {
  expect(op).toThrow(/^\[\w+\] '\w+', .+, is on another GPU than the rest; move it there/);
});

it("goes on with its own tensors", async () => {
  expect(() => add(x, far)).toThrowErrorMatchingInlineSnapshot(
    `[Error: [add_quads] 'b', 'far' [2, 2], is on another GPU than the rest; move it there: gpu.tensor(await x.data(), x.shape)]`,
  );
  expect([...(await add(x, x).data())]).toEqual([2, 2, 2, 2]);
  expect([...(await add(far, far).data())]).toEqual([2, 2, 2, 2]);
});
