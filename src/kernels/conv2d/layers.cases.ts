/** The convolutions of two networks, stride 1: for the cases that benchmarks run and for the comparison with peers. */

export interface Layer {
  readonly extent: number;
  readonly ci: number;
  readonly co: number;
  readonly window: number;
  readonly padding: number;
}

const threeByThree = ([extent, ci, co]: readonly [extent: number, ci: number, co: number]): Layer => ({
  ...{ extent, ci, co, window: 3, padding: 1 },
});

export const vggLayers: readonly Layer[] = (
  [
    [32, 3, 64],
    [32, 64, 64],
    [16, 64, 128],
    [16, 128, 128],
    [8, 128, 256],
    [8, 256, 256],
    [4, 256, 512],
    [4, 512, 512],
    [2, 512, 512],
  ] as const
).map(threeByThree);

/** Of the network `record`: odd extents, a first window of 2x2 without padding. */
export const recordLayers: readonly Layer[] = [
  { extent: 32, ci: 3, co: 24, window: 2, padding: 0 },
  ...(
    [
      [31, 24, 64],
      [15, 64, 64],
      [15, 64, 256],
      [7, 256, 256],
      [3, 256, 256],
    ] as const
  ).map(threeByThree),
];
