import { putBoxReference, takeBoxReference } from "./box.reference.ts";
import { putBox, putQuads, putWords, takeBox, takeQuads, takeWords } from "./box.ts";
import { type KernelCase, noise, values, view } from "./cases.ts";

const boxes: readonly [shape: number[], start: number[], size: number[]][] = [
  [[1], [0], [1]],
  [[7], [3], [4]],
  [[8], [4], [4]],
  [
    [5, 7],
    [1, 0],
    [3, 7],
  ],
  [
    [5, 7],
    [0, 2],
    [5, 3],
  ],
  [
    [5, 8],
    [2, 4],
    [3, 4],
  ],
  [
    [5, 8],
    [2, 3],
    [3, 4],
  ],
  [
    [3, 6, 5, 4],
    [0, 1, 2, 0],
    [3, 4, 3, 4],
  ],
  [
    [3, 6, 5, 3],
    [1, 1, 2, 1],
    [2, 4, 3, 1],
  ],
  [
    [3, 3, 3, 3, 3, 3],
    [1, 0, 1, 0, 1, 0],
    [2, 2, 2, 2, 2, 2],
  ],
  [
    [33, 65, 17],
    [1, 1, 1],
    [31, 63, 15],
  ],
];

const sizeOf = (extents: readonly number[]) => extents.reduce((product, extent) => product * extent, 1);

/** With what isn't moved by arithmetic unchanged: a NaN, -0, a denormal. */
function input(count: number, seed: number): Float32Array<ArrayBuffer> {
  const x = noise(count, seed);
  [Number.NaN, -0, 2 ** -140].forEach((value, k) => {
    if (3 * k < count) x[3 * k] = value;
  });
  return x;
}

export const boxCases: KernelCase[] = boxes.flatMap(([shape, start, size]) => {
  const [count, part] = [sizeOf(shape), sizeOf(size)];
  const name = `[${size}] at [${start}] of [${shape}]`;
  const common = { tolerance: "exact" as const, bytes: 8 * part };
  return [
    {
      ...common,
      name: `take_box ${name}`,
      covers: [takeWords, takeQuads],
      inputs: () => ({ whole: input(count, 1) }),
      outputs: { box: part },
      launch: (device, views) =>
        takeBox(device, { whole: view(views, "whole"), box: view(views, "box"), shape, start, size }),
      reference: (inputs) => ({ box: takeBoxReference(values(inputs, "whole"), { shape, start, size }) }),
    },
    {
      ...common,
      name: `put_box ${name}`,
      covers: [putWords, putQuads],
      inputs: () => ({ whole: input(count, 1), box: input(part, 2) }),
      outputs: { whole: count },
      launch: (device, views) =>
        putBox(device, { whole: view(views, "whole"), box: view(views, "box"), shape, start, size }),
      reference: (inputs) => ({
        whole: putBoxReference(values(inputs, "whole"), values(inputs, "box"), { shape, start, size }),
      }),
    },
  ];
});
