/**
 * relu(batch normalization) and a max-pool of 2 x 2 in one pass over x, for software Vulkan, which pays for every vec4 that it loads or stores.
 *
 * Of x's size, forward reads and writes 1.25 where the two apart move 3.25, and backward 2.75 in place of 6.25: neither y before the pool nor its gradient are ever in memory. A window's
 * place is where its maximum lies, or `closed` if ReLU lets nothing through. x is even in both directions, so that windows cover it; a lane keeps a row of windows and a column of four channels.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { kernel, wgsl } from "../../gpu/kernel.ts";
import { isTwoByTwo, type MaxPoolSize, maxPoolOutput, places } from "../max-pool.ts";
import { positivePartWgsl } from "../positive-part.ts";
import { unroll } from "../unroll.ts";
import { type BatchNormSize, type cutIntoChunks, walk, walkParams } from "./columns.ts";
import { type AffineGradViews, inputGradFactors, mergeSums } from "./gradient.ts";

/** Columns of channels, and windows of a row. */
const params = { n: "u32", columns: "u32", windows: "u32" } as const;
const closed = 4;

/** `row` of windows and `column` of channels; vec4s of a row of x. */
const locate = wgsl`
    if (i >= params.n) { return; }
    let row = i / params.columns;
    let column = i - row * params.columns;
    let down = 2u * params.windows * params.columns;`;

/** Of the window `out`: its own place and its first pixel's. */
const ofWindow = wgsl`
      let k = (row * params.windows + out) * params.columns + column;
      let corner = 2u * (row * down + out * params.columns) + column;`;

const pixel = (place: number) => `corner + ${place >> 1}u * down + ${place & 1}u * params.columns`;

export const batchNormReluPoolForward = kernel("batch_norm_relu_pool_forward", {
  read: { x: "quad", moments: "quad", gamma: "quad", beta: "quad" },
  write: { y: "quad", gate: "u32" },
  params,
  declarations: `${positivePartWgsl("quad")}${places.quad}`,
  body: wgsl`${locate}
    let shift = moments[column];
    let offset = moments[params.columns + column];
    let scale = moments[2u * params.columns + column] * gamma[column];
    let bias = beta[column];
    for (var out = 0u; out < params.windows; out++) {${ofWindow}
      ${unroll(4, (p) => `let value${p} = positive_part(((x[${pixel(p)}] - shift) - offset) * scale + bias);`)}
      var best = value0;
      var at = vec4u(0);
      ${unroll(3, (p) => {
        const value = `value${p + 1}`;
        return `{ let take = ((${value} > best) | is_nan(${value})) & !is_nan(best); best = select(best, ${value}, take); at = select(at, vec4u(${p + 1}), take); }`;
      })}
      y[k] = best;
      gate[k] = pack(select(at, vec4u(${closed}), (bitcast<vec4u>(best) & vec4u(0x7fffffffu)) == vec4u(0)));
    }`,
});

/** Per chunk of rows of windows the sums of the gradient and of the gradient times x̂. */
export const batchNormPooledSums = kernel("batch_norm_pooled_sums", {
  read: { x: "scalar", dy: "quad", gate: "u32", moments: "quad" },
  write: { partials: "quad" },
  params: { ...walkParams, windows: "u32" },
  declarations: places.quad,
  body: wgsl`${walk}
    let shift = moments[column];
    let offset = moments[params.columns + column];
    let down = 2u * params.windows * params.columns;
    var sum = quad(0);
    var products = quad(0);
    for (var row = begin; row < end; row++) {
      for (var out = 0u; out < params.windows; out++) {${ofWindow}
        let place = unpack(gate[k]);
        let open = place < vec4u(${closed});
        let gradient = select(quad(0), dy[k], open);
        let at = 4u * (vec4u(corner) + ((place >> vec4u(1)) & vec4u(1)) * down + (place & vec4u(1)) * params.columns);
        let pixel = quad(x[at.x], x[at.y + 1u], x[at.z + 2u], x[at.w + 3u]);
        sum += gradient;
        products += select(quad(0), gradient * ((pixel - shift) - offset), open);
      }
    }
    partials[2u * chunk * params.columns + column] = sum;
    partials[(2u * chunk + 1u) * params.columns + column] = products * moments[2u * params.columns + column];`,
});

/** dx = factor * (gradient - its mean - x̂ * mean(gradient * x̂)), where the gradient is dy at the window's place and 0 elsewhere. */
export const batchNormPooledInputGrad = kernel("batch_norm_pooled_input_grad", {
  read: { x: "quad", dy: "quad", gate: "u32", moments: "quad", coefficients: "quad" },
  write: { dx: "quad" },
  params,
  declarations: places.quad,
  body: wgsl`${locate}${inputGradFactors}
    for (var out = 0u; out < params.windows; out++) {${ofWindow}
      let place = unpack(gate[k]);
      let gradient = dy[k];
      ${unroll(4, (p) => {
        const here = `select(quad(0), gradient, place == vec4u(${p}))`;
        return `dx[${pixel(p)}] = factor * ((${here} - mean) - ((x[${pixel(p)}] - shift) - offset) * slope);`;
      })}
    }`,
});

/** Whether these kernels are for a pool. */
export const suitsPooled = (pool: MaxPoolSize): boolean =>
  isTwoByTwo(pool) && pool.height % 2 === 0 && pool.width % 2 === 0;

/** Rows of windows, windows in a row, and columns of four channels. */
function extentsOf(pool: MaxPoolSize) {
  const [height, windows] = maxPoolOutput(pool);
  const [rows, columns] = [pool.images * height, pool.channels / 4];
  return { rows, columns, windows, n: rows * columns };
}

/** y after the pool, and the places of the maxima, from x and the moments. */
export function normalizeReluPool(
  device: Device,
  views: Readonly<Record<"x" | "moments" | "gamma" | "beta" | "y" | "gate", BufferView>>,
  pool: MaxPoolSize,
): void {
  batchNormReluPoolForward(device, { ...views, ...extentsOf(pool) });
}

/** dgamma and dbeta, and the coefficients that `pooledInputGrad` takes, from dy after the pool. */
export function pooledAffineGrad(
  device: Device,
  { gate, ...views }: AffineGradViews & Readonly<Record<"x" | "dy" | "gate", BufferView>>,
  size: BatchNormSize & { readonly training: boolean },
  pool: MaxPoolSize,
): void {
  const { x, dy, moments } = views;
  const { rows, windows } = extentsOf(pool);
  const sumUp = (partials: BufferView, { walk }: ReturnType<typeof cutIntoChunks>) =>
    batchNormPooledSums(device, { x, dy, gate, moments, partials, windows, ...walk });
  mergeSums(device, views, size, sumUp, rows);
}

/** dx from dy after the pool, and the coefficients. */
export function pooledInputGrad(
  device: Device,
  views: Readonly<Record<"x" | "dy" | "gate" | "moments" | "coefficients" | "dx", BufferView>>,
  pool: MaxPoolSize,
): void {
  batchNormPooledInputGrad(device, { ...views, ...extentsOf(pool) });
}
