/**
 * The gradients of batch normalization, alone or behind a gate of ReLU and dropout: one pass for both sums (dy, dy * x̂), a merge
 * that makes dgamma, dbeta and per channel what dx needs, one pass for dx.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { type Element, kernel, type ParamType, wgsl } from "../../gpu/kernel.ts";
import { mappingLanes } from "../lanes.ts";
import {
  type BatchNormSize,
  type Cell,
  cutIntoChunks,
  merge,
  mergeParams,
  merging,
  walk,
  walkParams,
  withPartials,
} from "./columns.ts";
import { type Gate, gateAt, gates } from "./gate.ts";

/** How a kernel gets the gradient of the normalised x at `k`: `word` is fetched once for eight rows. */
const open = { read: {}, params: {}, word: "0u", gradient: "dy[k]" } as const;
const gated = {
  read: { gate: "u32" },
  params: { scale: "f32" },
  word: gateAt,
  gradient: "passed(dy[k] * params.scale, word >> (4u * (row - eight)))",
} as const;

interface Incoming<R, P> {
  readonly read: R;
  readonly params: P;
  readonly word: string;
  readonly gradient: string;
}
type Elements = Readonly<Record<string, Element>>;
type Params = Readonly<Record<string, ParamType>>;

const gradientSums = <R extends Elements, P extends Params>(
  label: string,
  cell: Cell,
  incoming: Incoming<R, P>,
) =>
  kernel(label, {
    read: { x: cell, dy: cell, moments: cell, ...incoming.read },
    write: { partials: cell },
    params: { ...walkParams, ...incoming.params },
    declarations: `alias cell = ${cell};${gates[cell]}`,
    body: wgsl`${walk}
    let shift = moments[column];
    let offset = moments[params.columns + column];
    var sum = cell(0);
    var products = cell(0);
    for (var eight = begin; eight < end; eight += 8u) {
      let word = ${incoming.word};
      for (var row = eight; row < min(eight + 8u, end); row++) {
        let k = row * params.columns + column;
        let gradient = ${incoming.gradient};
        sum += gradient;
        products += gradient * ((x[k] - shift) - offset);
      }
    }
    partials[2u * chunk * params.columns + column] = sum;
    partials[(2u * chunk + 1u) * params.columns + column] =
      products * moments[2u * params.columns + column];`,
  });

/** Per chunk the sums of the gradient and of the gradient times x̂. */
export const batchNormGradientSums = gradientSums("batch_norm_gradient_sums", "quad", open);
export const batchNormGradientSumsScalar = gradientSums("batch_norm_gradient_sums_scalar", "scalar", open);
export const batchNormGatedSums = gradientSums("batch_norm_gated_sums", "quad", gated);
export const batchNormGatedSumsScalar = gradientSums("batch_norm_gated_sums_scalar", "scalar", gated);

const affineGrad = (label: string, cell: Cell) =>
  kernel(label, {
    read: { partials: cell, moments: cell, gamma: cell },
    write: { dgamma: cell, dbeta: cell, coefficients: cell },
    params: { ...mergeParams, row_share: "f32" },
    ...merging,
    declarations: `alias cell = ${cell};
    var<workgroup> sums: array<cell, lanes>;
    var<workgroup> products: array<cell, lanes>;`,
    body: wgsl`${merge}
    var sum = cell(0);
    var product = cell(0);
    for (var chunk = slice; chunk < chunks; chunk += params.slices) {
      sum += partials[2u * chunk * params.columns + column];
      product += partials[(2u * chunk + 1u) * params.columns + column];
    }
    sums[lane] = sum;
    products[lane] = product;
    for (var half = params.slices / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (slice < half) {
        sums[lane] += sums[lane + half * width];
        products[lane] += products[lane + half * width];
      }
    }
    if (slice > 0u || column >= params.columns) { return; }
    let inverse = moments[2u * params.columns + column];
    dbeta[column] = sums[lane];
    dgamma[column] = products[lane];
    coefficients[column] = gamma[column] * inverse;
    coefficients[params.columns + column] = sums[lane] * params.row_share;
    coefficients[2u * params.columns + column] = products[lane] * params.row_share * inverse;`,
  });

/** dgamma, dbeta, and per channel what dx needs: scale, mean of dy, slope. `row_share` is 1 / rows, in evaluation 0. */
export const batchNormAffineGrad = affineGrad("batch_norm_affine_grad", "quad");
export const batchNormAffineGradScalar = affineGrad("batch_norm_affine_grad_scalar", "scalar");

/** What dx takes from a column. */
export const inputGradFactors = wgsl`
    let shift = moments[column];
    let offset = moments[params.columns + column];
    let factor = coefficients[column];
    let mean = coefficients[params.columns + column];
    let slope = coefficients[2u * params.columns + column];`;

const inputGrad = <R extends Elements, P extends Params>(
  label: string,
  cell: Cell,
  incoming: Incoming<R, P>,
) =>
  kernel(label, {
    read: { x: cell, dy: cell, moments: cell, coefficients: cell, ...incoming.read },
    write: { dx: cell },
    params: { ...walkParams, ...incoming.params },
    declarations: `alias cell = ${cell};${gates[cell]}`,
    body: wgsl`${walk}${inputGradFactors}
    for (var eight = begin; eight < end; eight += 8u) {
      let word = ${incoming.word};
      for (var row = eight; row < min(eight + 8u, end); row++) {
        let k = row * params.columns + column;
        let gradient = ${incoming.gradient};
        dx[k] = factor * ((gradient - mean) - ((x[k] - shift) - offset) * slope);
      }
    }`,
  });

/** dx = factor * (gradient - its mean - x̂ * mean(gradient * x̂)). */
export const batchNormInputGrad = inputGrad("batch_norm_input_grad", "quad", open);
export const batchNormInputGradScalar = inputGrad("batch_norm_input_grad_scalar", "scalar", open);
export const batchNormGatedInputGrad = inputGrad("batch_norm_gated_input_grad", "quad", gated);
export const batchNormGatedInputGradScalar = inputGrad("batch_norm_gated_input_grad_scalar", "scalar", gated);

/** What the merge of the sums reads and writes. */
export type AffineGradViews = Readonly<
  Record<"moments" | "gamma" | "dgamma" | "dbeta" | "coefficients", BufferView>
>;

/** dgamma and dbeta, and the coefficients that `normalizeInputGrad` takes. In training the moments depend on x too. */
export function normalizeAffineGrad(
  device: Device,
  views: AffineGradViews & Readonly<Record<"x" | "dy", BufferView>>,
  size: BatchNormSize & { readonly training: boolean },
  gate?: Gate,
): void {
  const { x, dy, moments } = views;
  mergeSums(device, views, size, (partials, cut) => {
    const args = { x, dy, moments, partials, ...cut.walk };
    if (gate) (cut.vectorized ? batchNormGatedSums : batchNormGatedSumsScalar)(device, { ...args, ...gate });
    else (cut.vectorized ? batchNormGradientSums : batchNormGradientSumsScalar)(device, args);
  });
}

/** The same from sums that `launch` adds up, chunk by chunk. @param walked rows that are cut into chunks, where they aren't x's */
export function mergeSums(
  device: Device,
  { moments, gamma, dgamma, dbeta, coefficients }: AffineGradViews,
  size: BatchNormSize & { readonly training: boolean },
  launch: (partials: BufferView, cut: ReturnType<typeof cutIntoChunks>) => void,
  walked = size.rows,
): void {
  const extents = { rows: walked, channels: size.channels };
  const cut = cutIntoChunks(device, extents);
  withPartials(device, extents, (partials) => {
    launch(partials, cut);
    const finish = cut.vectorized ? batchNormAffineGrad : batchNormAffineGradScalar;
    const row_share = size.training ? 1 / size.rows : 0;
    finish(device, { partials, moments, gamma, dgamma, dbeta, coefficients, ...cut.merge, row_share });
  });
}

/** dx from dy and the coefficients. */
export function normalizeInputGrad(
  device: Device,
  views: Readonly<Record<"x" | "dy" | "moments" | "coefficients" | "dx", BufferView>>,
  size: BatchNormSize,
  gate?: Gate,
): void {
  const cut = cutIntoChunks(device, size, mappingLanes(device));
  const args = { ...views, ...cut.walk };
  if (gate)
    (cut.vectorized ? batchNormGatedInputGrad : batchNormGatedInputGradScalar)(device, { ...args, ...gate });
  else (cut.vectorized ? batchNormInputGrad : batchNormInputGradScalar)(device, args);
}
