/**
 * dropout(relu(batch normalization)) in one pass over x, which notes in a gate (gate.ts) what backward has to know.
 *
 * CPU ms of the fourteen layers of a VGG step of batch 32 on lavapipe, in one interleaved run with the three ops apart as they were
 * before (a vec4 a lane in ReLU):
 *
 * | | moments | forward | sums of the gradient | dx | all |
 * |---|---|---|---|---|---|
 * | apart | 13.8 | 60.7 | 75.1 | 18.0 | 167.6 |
 * | fused | 8.0 | 22.3 | 16.7 | 16.5 | 63.5 |
 *
 * Forward spends 8 of its 22 on Philox. On 8 MB that lie in the cache, the sums take 2.7 where a copy of as many floats takes 2.1, dx
 * 3.4 where it takes 3.2. Unrolling the gradient's passes by four or eight rows made them slower (sums 2.6 to 3.8, dx 3.4 to 3.8).
 *
 * Eight rows' masks are drawn at once, before their loads, so that two Philox calls overlap: 5.6 CPU ms in place of 7.2 for 8 MB on
 * lavapipe.
 *
 * NaN goes where the three kernels apart would send it: it passes ReLU, and dropout drops it. Dropout's mask is that of
 * dropout.ts, the same function of ticket and element; where channels don't come in fours, each element calls Philox for itself.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { type Element, kernel, type ParamType, wgsl } from "../../gpu/kernel.ts";
import { dropoutThreshold } from "../dropout.ts";
import { mappingLanes } from "../lanes.ts";
import { philoxWgsl } from "../philox.ts";
import { positivePartWgsl } from "../positive-part.ts";
import { type BatchNormSize, type Cell, cutIntoChunks, walk, walkParams } from "./columns.ts";
import { gateAt, gates } from "./gate.ts";

/** `kept_rows`: what dropout keeps of eight rows, as a word of a gate. `k` is the first row's cell. */
const keptRows: Readonly<Record<Cell, string>> = {
  quad: wgsl`
    fn kept_rows(k: u32, ticket: vec4u, threshold: u32) -> u32 {
      var word = 0u;
      for (var row = 0u; row < 8u; row += 2u) {
        let first = k + row * params.columns;
        let counters = array<vec4u, 2>(vec4u(first, 0u, ticket.zw), vec4u(first + params.columns, 0u, ticket.zw));
        let words = philox_pair(counters[0], counters[1], ticket.xy);
        let pair = pack(vec4u(words[0] >= vec4u(threshold))) | (pack(vec4u(words[1] >= vec4u(threshold))) << 4u);
        word |= pair << (4u * row);
      }
      return word;
    }`,
  scalar: wgsl`
    fn kept_rows(k: u32, ticket: vec4u, threshold: u32) -> u32 {
      var word = 0u;
      for (var row = 0u; row < 8u; row++) {
        let element = k + row * params.columns;
        let words = philox(vec4u(element / 4u, 0u, ticket.zw), ticket.xy);
        word |= pack(u32(words[element % 4u] >= threshold)) << (4u * row);
      }
      return word;
    }`,
};

interface Dropping<R, P> {
  readonly read: R;
  readonly params: P;
  declarations(cell: Cell): string;
  /** Before all rows, and before eight of them. */
  readonly ticket: string;
  readonly kept: string;
  /** The element and the gate that result. */
  readonly value: string;
  readonly gate: string;
}

const withoutDropout: Dropping<Record<never, never>, Record<never, never>> = {
  read: {},
  params: {},
  declarations: () => "",
  ticket: "",
  kept: "",
  value: "positive",
  gate: "open",
};
const withDropout = {
  read: { ticket: "vec4u" },
  params: { threshold: "u32", keep_scale: "f32" },
  declarations: (cell: Cell) => philoxWgsl + keptRows[cell],
  ticket: "let draw = ticket[0];",
  kept: "let kept = kept_rows(eight * params.columns + column, draw, params.threshold);",
  value: "passed(positive * params.keep_scale, kept >> (4u * (row - eight)))",
  gate: "open & kept",
} as const;

const forward = <R extends Readonly<Record<string, Element>>, P extends Readonly<Record<string, ParamType>>>(
  label: string,
  cell: Cell,
  dropping: Dropping<R, P>,
) =>
  kernel(label, {
    read: { x: cell, moments: cell, gamma: cell, beta: cell, ...dropping.read },
    write: { y: cell, gate: "u32" },
    params: { ...walkParams, ...dropping.params },
    declarations: `alias cell = ${cell};${positivePartWgsl(cell)}${gates[cell]}${dropping.declarations(cell)}`,
    body: wgsl`${walk}
    let shift = moments[column];
    let offset = moments[params.columns + column];
    let scale = moments[2u * params.columns + column] * gamma[column];
    let bias = beta[column];
    ${dropping.ticket}
    for (var eight = begin; eight < end; eight += 8u) {
      ${dropping.kept}
      var open = 0u;
      for (var row = eight; row < min(eight + 8u, end); row++) {
        let k = row * params.columns + column;
        let normal = ((x[k] - shift) - offset) * scale + bias;
        let positive = positive_part(normal);
        open |= pack(select(bits(1u), bits(0u), (bitcast<bits>(positive) & bits(0x7fffffffu)) == bits(0u))) << (4u * (row - eight));
        y[k] = ${dropping.value};
      }
      ${gateAt} = ${dropping.gate};
    }`,
  });

export const batchNormReluForward = forward("batch_norm_relu_forward", "quad", withoutDropout);
export const batchNormReluForwardScalar = forward("batch_norm_relu_forward_scalar", "scalar", withoutDropout);
export const batchNormReluDropoutForward = forward("batch_norm_relu_dropout_forward", "quad", withDropout);
export const batchNormReluDropoutForwardScalar = forward(
  "batch_norm_relu_dropout_forward_scalar",
  "scalar",
  withDropout,
);

/** y and the gate from x and the moments. `ticket`, of a random stream, is needed at rates above 0. */
export function normalizeReluDropout(
  device: Device,
  views: Readonly<Record<"x" | "moments" | "gamma" | "beta" | "y" | "gate", BufferView>>,
  size: BatchNormSize,
  dropout?: { readonly rate: number; readonly ticket: BufferView },
): void {
  const cut = cutIntoChunks(device, size, mappingLanes(device));
  const args = { ...views, ...cut.walk };
  if (!dropout) {
    (cut.vectorized ? batchNormReluForward : batchNormReluForwardScalar)(device, args);
    return;
  }
  const { rate, ticket } = dropout;
  const run = cut.vectorized ? batchNormReluDropoutForward : batchNormReluDropoutForwardScalar;
  run(device, { ...args, ticket, threshold: dropoutThreshold(rate), keep_scale: 1 / (1 - rate) });
}
