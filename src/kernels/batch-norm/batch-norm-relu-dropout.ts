/**
 * dropout(relu(batch normalization)) in one pass over x, which notes in a gate (gate.ts) what backward has to know.
 *
 * NaN goes where the three kernels apart would send it: it passes ReLU, and dropout drops it. Dropout's mask is that of
 * dropout.ts, the same function of ticket and element; where channels don't come in fours, each element calls Philox for itself.
 */
import type { BufferView } from "../../gpu/buffers.ts";
import type { Device } from "../../gpu/device.ts";
import { type Element, kernel, type ParamType, wgsl } from "../../gpu/kernel.ts";
import { dropoutThreshold } from "../dropout.ts";
import { philoxWgsl } from "../philox.ts";
import { type BatchNormSize, type Cell, cutIntoChunks, walk, walkParams } from "./columns.ts";
import { gateAt, gates } from "./gate.ts";

/** Which elements of cell k dropout keeps. */
const keeps: Readonly<Record<Cell, string>> = {
  quad: wgsl`
    fn keeps(k: u32, ticket: vec4u, threshold: u32) -> vec4<bool> {
      return philox(vec4u(k, 0u, ticket.zw), ticket.xy) >= vec4u(threshold);
    }`,
  scalar: wgsl`
    fn keeps(k: u32, ticket: vec4u, threshold: u32) -> bool {
      return philox(vec4u(k / 4u, 0u, ticket.zw), ticket.xy)[k % 4u] >= threshold;
    }`,
};

interface Dropping<R, P> {
  readonly read: R;
  readonly params: P;
  declarations(cell: Cell): string;
  /** Before the rows, and for each cell. */
  readonly ticket: string;
  readonly drop: string;
}

const kept = { read: {}, params: {}, declarations: () => "", ticket: "", drop: "" } as const;
const dropped = {
  read: { ticket: "vec4u" },
  params: { threshold: "u32", keep_scale: "f32" },
  declarations: (cell: Cell) => philoxWgsl + keeps[cell],
  ticket: "let draw = ticket[0];",
  drop: wgsl`
        let keep = keeps(k, draw, params.threshold);
        value = select(cell(0), value * params.keep_scale, keep);
        open = select(bits(0u), open, keep);`,
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
    declarations: `alias cell = ${cell};${gates[cell]}${dropping.declarations(cell)}`,
    body: wgsl`${walk}
    let shift = moments[column];
    let offset = moments[params.columns + column];
    let scale = moments[2u * params.columns + column] * gamma[column];
    let bias = beta[column];
    ${dropping.ticket}
    for (var eight = begin; eight < end; eight += 8u) {
      var word = 0u;
      for (var row = eight; row < min(eight + 8u, end); row++) {
        let k = row * params.columns + column;
        let normal = ((x[k] - shift) - offset) * scale + bias;
        var value = select(normal, cell(0), normal < cell(0));
        var open = select(bits(1u), bits(0u), normal <= cell(0));${dropping.drop}
        y[k] = value;
        word |= pack(open) << (4u * (row - eight));
      }
      ${gateAt} = word;
    }`,
  });

export const batchNormReluForward = forward("batch_norm_relu_forward", "quad", kept);
export const batchNormReluForwardScalar = forward("batch_norm_relu_forward_scalar", "scalar", kept);
export const batchNormReluDropoutForward = forward("batch_norm_relu_dropout_forward", "quad", dropped);
export const batchNormReluDropoutForwardScalar = forward(
  "batch_norm_relu_dropout_forward_scalar",
  "scalar",
  dropped,
);

/** y and the gate from x and the moments. `ticket`, of a random stream, is needed at rates above 0. */
export function normalizeReluDropout(
  device: Device,
  views: Readonly<Record<"x" | "moments" | "gamma" | "beta" | "y" | "gate", BufferView>>,
  size: BatchNormSize,
  dropout?: { readonly rate: number; readonly ticket: BufferView },
): void {
  const cut = cutIntoChunks(device, size);
  const args = { ...views, ...cut.walk };
  if (!dropout) {
    (cut.vectorized ? batchNormReluForward : batchNormReluForwardScalar)(device, args);
    return;
  }
  const { rate, ticket } = dropout;
  const run = cut.vectorized ? batchNormReluDropoutForward : batchNormReluDropoutForwardScalar;
  run(device, { ...args, ticket, threshold: dropoutThreshold(rate), keep_scale: 1 / (1 - rate) });
}
