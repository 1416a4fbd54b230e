/** wgrad's side of the comparison: the public ops, and the launchers of gradients that no op exposes alone. */
import {
  batchNorm,
  conv2d,
  type Gpu,
  matmul,
  mul,
  nn,
  optim,
  softmaxCrossEntropy,
  sum,
  type Tensor,
} from "wgrad";
import { conv2dBackward } from "../../src/kernels/conv2d/conv2d.ts";
import { type Inputs, valuesOf } from "./inputs.ts";
import { prepareLayer, prepareSgd } from "./layers.ts";
import { concatenate, type Prepared, release, upload } from "./tensors.ts";
import { vggTraining, type Work } from "./work.ts";

/** Uploads the inputs and runs the work once. */
export async function prepareOurs(gpu: Gpu, work: Work, inputs: Inputs): Promise<Prepared> {
  switch (work.kind) {
    case "gemm": {
      const [a, b] = [upload(gpu, inputs, "a"), upload(gpu, inputs, "b")];
      return prepared(gpu, [a, b], () => ({ c: matmul(a, b) }));
    }
    case "conv2d":
      return prepareConvolution(gpu, work, inputs);
    case "batch-norm":
      return prepareBatchNorm(gpu, work.channels, inputs);
    case "batch-norm-relu":
    case "max-pool":
    case "cross-entropy":
      return prepareLayer(gpu, work, inputs);
    case "sgd":
      return prepareSgd(gpu, inputs);
    case "vgg-step":
      return prepareVgg(gpu, work.width, inputs);
  }
}

/** In training forward keeps what it transformed for the gradients, which share dy's; each direction alone transforms all it needs. */
async function prepareConvolution(
  gpu: Gpu,
  { direction, batch, extent, ci, co, window, padding }: Extract<Work, { kind: "conv2d" }>,
  inputs: Inputs,
): Promise<Prepared> {
  const x = upload(gpu, inputs, "x");
  const weight = upload(gpu, inputs, "weight");
  const dy = upload(gpu, inputs, "dy");
  const shape = {
    ...{ n: batch, h: extent, w: extent, ci, co, kh: window, kw: window },
    ...{ stride: 1, paddingH: padding, paddingW: padding },
  };
  const computations = {
    forward: () => ({ y: conv2d(x, weight, { padding }) }),
    "input-grad": () => {
      const dx = gpu.empty(x.shape);
      conv2dBackward(gpu.device, { shape, x, weight, dy, dx });
      return { dx };
    },
    "weight-grad": () => {
      const dweight = gpu.empty(weight.shape);
      conv2dBackward(gpu.device, { shape, x, weight, dy, dweight });
      return { dweight };
    },
  };
  return prepared(gpu, [x, weight, dy], computations[direction]);
}

async function prepareBatchNorm(gpu: Gpu, channels: number, inputs: Inputs): Promise<Prepared> {
  const [x, gamma, beta] = ["x", "gamma", "beta"].map((name) => upload(gpu, inputs, name, true));
  const dy = upload(gpu, inputs, "dy");
  const runningMean = gpu.zeros([channels]);
  const runningVar = gpu.full([channels], 1);
  if (!x || !gamma || !beta) throw new Error("unreachable");
  const compute = () => {
    const y = batchNorm(x, gamma, beta, { runningMean, runningVar, training: true }).keep();
    sum(mul(y, dy)).backward();
    return { y };
  };
  const owned = [x, gamma, beta, dy, runningMean, runningVar];
  return prepared(gpu, owned, compute, { dx: x, dgamma: gamma, dbeta: beta });
}

async function prepareVgg(gpu: Gpu, width: number, inputs: Inputs): Promise<Prepared> {
  const model = nn.vgg(gpu, { width, dropout: false });
  const parameters = model.parameters();
  parameters.forEach((parameter, k) => {
    parameter.write(valuesOf(inputs, `parameter ${k}`).data);
  });
  const optimizer = optim.sgd(parameters, vggTraining);
  const images = upload(gpu, inputs, "images");
  const labels = Int32Array.from(valuesOf(inputs, "labels").data);
  const classes = gpu.tensor(labels, [labels.length]);
  const step = gpu.record(() => {
    const loss = softmaxCrossEntropy(model.forward(images, { training: true }), classes);
    loss.backward();
    optimizer.step();
    return loss;
  });
  const losses = [await step().item()];
  const moved: Float32Array[] = [];
  for (const parameter of parameters) moved.push(Float32Array.from(await parameter.data()));
  losses.push(await step().item());
  return {
    outputs: { losses: Float32Array.from(losses), parameters: concatenate(moved) },
    run: () => {
      step();
    },
    wait: () => gpu.idle(),
    free: () => {
      step.release();
      for (const tensor of [images, classes, ...parameters]) release(tensor);
      gpu.device.trim();
    },
  };
}

/** A work without state, recorded, as training runs it. @param leaves whose gradients are results too */
async function prepared(
  gpu: Gpu,
  owned: readonly Tensor[],
  compute: () => Record<string, Tensor>,
  leaves: Readonly<Record<string, Tensor>> = {},
): Promise<Prepared> {
  const first = compute();
  const gradients = Object.entries(leaves).map(([name, leaf]) => [name, gradient(leaf)] as const);
  const outputs: Record<string, Float32Array<ArrayBuffer>> = {};
  for (const [name, tensor] of [...Object.entries(first), ...gradients])
    outputs[name] = Float32Array.from(await tensor.data());
  const recorded = gpu.record(() => {
    compute();
  });
  return {
    outputs,
    run: () => {
      recorded();
    },
    wait: () => gpu.idle(),
    free: () => {
      recorded.release();
      for (const tensor of [...Object.values(first), ...owned]) release(tensor);
      gpu.device.trim();
    },
  };
}

function gradient({ grad }: Tensor): Tensor {
  if (!grad) throw new Error("the backward pass left no gradient");
  return grad;
}
