import { type KernelCase, noise, values, view } from "./cases.ts";
import { transposeReference } from "./transpose.reference.ts";
import { launchTranspose, transposeQuads, transposeWords } from "./transpose.ts";

const shapes: readonly (readonly [shape: readonly number[], permutation: readonly number[]])[] = [
  [[1], [0]],
  [[7], [0]],
  [
    [5, 3],
    [1, 0],
  ],
  [
    [64, 65],
    [1, 0],
  ],
  [
    [1, 9, 1],
    [2, 1, 0],
  ],
  [
    [2, 3, 5, 7],
    [0, 3, 1, 2],
  ],
  [
    [2, 3, 5, 7],
    [3, 2, 1, 0],
  ],
  [
    [2, 3, 5, 8],
    [1, 0, 2, 3],
  ],
  [
    [3, 5, 4],
    [1, 0, 2],
  ],
  [
    [2, 3, 2, 3, 2, 3],
    [5, 3, 1, 4, 2, 0],
  ],
  [
    [32, 32, 32, 64],
    [0, 3, 1, 2],
  ],
];

export const transposeCases: KernelCase[] = shapes.map(([shape, permutation]) => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return {
    name: `transpose [${shape.join(", ")}] -> [${permutation.join(", ")}]`,
    covers: [transposeWords, transposeQuads],
    inputs: () => ({ x: noise(size, 1) }),
    outputs: { y: size },
    launch: (device, views) =>
      launchTranspose(device, { x: view(views, "x"), y: view(views, "y"), shape, permutation }),
    reference: (inputs) => ({ y: transposeReference(values(inputs, "x"), shape, permutation) }),
    tolerance: "exact",
    bench: size > 1e6,
    bytes: 8 * size,
  };
});
