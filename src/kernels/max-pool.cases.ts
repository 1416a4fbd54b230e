import { type KernelCase, noise, values, view } from "./cases.ts";
import { maxPoolGradReference, maxPoolReference } from "./max-pool.reference.ts";
import {
  type MaxPoolSize,
  maxPoolBackwardDisjoint,
  maxPoolBackwardDisjointScalar,
  maxPoolBackwardOverlapping,
  maxPoolBackwardOverlappingScalar,
  maxPoolBackwardTwoByTwo,
  maxPoolForward,
  maxPoolForwardScalar,
  maxPoolForwardTwoByTwo,
  maxPoolGrad,
  maxPoolIndexWords,
  maxPoolOutput,
  maxPoolRun,
} from "./max-pool.ts";

type Extents = readonly [images: number, height: number, width: number, channels: number];
type Pair = readonly [height: number, width: number];

function pool(
  [images, height, width, channels]: Extents,
  size: Pair,
  stride: Pair = size,
  padding: Pair = [0, 0],
): MaxPoolSize {
  return { images, height, width, channels, size, stride, padding };
}

const stage1 = pool([32, 32, 32, 64], [2, 2]);
/** ResNet's first, and the last of the network `record`. */
const first = pool([8, 56, 56, 64], [3, 3], [2, 2], [1, 1]);
const last = pool([500, 3, 3, 256], [3, 3]);

const pools: MaxPoolSize[] = [
  pool([1, 1, 1, 1], [1, 1]),
  pool([2, 4, 4, 4], [2, 2]),
  pool([3, 5, 7, 12], [2, 2]),
  pool([3, 5, 7, 3], [2, 2]),
  pool([2, 9, 8, 8], [3, 3], [2, 2]),
  pool([2, 9, 8, 5], [3, 2], [1, 3]),
  pool([2, 11, 7, 4], [1, 2], [3, 4]),
  pool([2, 11, 7, 2], [2, 1], [5, 3]),
  pool([1, 17, 17, 4], [17, 17]),
  pool([1, 7, 6, 64], [3, 3], [1, 1]),
  pool([2, 7, 6, 4], [2, 2], [2, 2], [1, 1]),
  pool([2, 7, 8, 3], [3, 2], [3, 4], [1, 1]),
  pool([2, 8, 9, 8], [3, 3], [2, 2], [1, 1]),
  pool([3, 6, 5, 5], [5, 4], [1, 3], [2, 1]),
  pool([1, 1, 2, 4], [3, 3], [1, 1], [1, 1]),
  stage1,
  first,
  last,
];

/** Few different values, so that windows have ties. */
function coarse(count: number): Float32Array<ArrayBuffer> {
  return noise(count).map((value) => Math.round(value * 4) / 4 - 2);
}

export const maxPoolCases: KernelCase[] = pools.flatMap((pool) => {
  const { images, height, width, channels, size, stride, padding } = pool;
  const [outHeight, outWidth] = maxPoolOutput(pool);
  const count = images * height * width * channels;
  const outCount = images * outHeight * outWidth * channels;
  const byFour = channels % 4 === 0 && size[0] * size[1] <= 256;
  const overlaps = stride[0] < size[0] || stride[1] < size[1];
  const twoByTwo = byFour && [...size, ...stride].every((extent) => extent === 2) && padding[0] === 0;
  const anyForward = byFour ? maxPoolForward : maxPoolForwardScalar;
  const forwardKernel = twoByTwo ? maxPoolForwardTwoByTwo : anyForward;
  const anyDisjoint = byFour ? maxPoolBackwardDisjoint : maxPoolBackwardDisjointScalar;
  const disjoint = twoByTwo ? maxPoolBackwardTwoByTwo : anyDisjoint;
  const overlapping = byFour ? maxPoolBackwardOverlapping : maxPoolBackwardOverlappingScalar;
  const name = `[${images}, ${height}, ${width}, ${channels}] size ${size} stride ${stride}${padding[0] > 0 ? ` padding ${padding}` : ""}`;
  const bench = [stage1, first, last].includes(pool);
  return [
    {
      name: `max_pool_forward ${name}`,
      covers: [forwardKernel],
      inputs: () => ({ x: coarse(count) }),
      outputs: { y: outCount },
      launch: (device, views) => {
        const indices = device.allocate(maxPoolIndexWords(pool) * 4, "indices");
        maxPoolRun(device, { x: view(views, "x"), y: view(views, "y"), indices }, pool);
        device.release(indices);
      },
      reference: (inputs) => ({ y: maxPoolReference(values(inputs, "x"), pool).y }),
      tolerance: "exact" as const,
      bench,
      bytes: 4 * count + 5 * outCount,
    },
    {
      name: `max_pool_backward ${name}`,
      covers: [forwardKernel, overlaps ? overlapping : disjoint],
      // Small integers: sums over overlapping windows are exact.
      inputs: () => ({ x: coarse(count), dy: noise(outCount, 2).map((value) => Math.round(value * 8)) }),
      outputs: { dx: count },
      launch: (device, views) => {
        const indices = device.allocate(maxPoolIndexWords(pool) * 4, "indices");
        const y = device.allocate(outCount * 4, "y");
        maxPoolRun(device, { x: view(views, "x"), y, indices }, pool);
        maxPoolGrad(device, { dy: view(views, "dy"), indices, dx: view(views, "dx") }, pool);
        device.release(y);
        device.release(indices);
      },
      reference: (inputs) => ({ dx: maxPoolGradReference(values(inputs, "x"), values(inputs, "dy"), pool) }),
      tolerance: "exact" as const,
      bench,
      // With the forward that finds the indices.
      bytes: 8 * count + 10 * outCount,
    },
  ];
});
