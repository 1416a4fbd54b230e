/** wgrad's side of the layers around convolutions: each op's forward alone, and its backward alone as the tape would run it. */
import { batchNormReluDropout, type Gpu, maxPool2d, optim, softmaxCrossEntropy, type Tensor } from "wgrad";
import type { GradientSink } from "../../src/tensor/tape.ts";
import { type Inputs, valuesOf } from "./inputs.ts";
import { concatenate, type Prepared, release, upload } from "./tensors.ts";
import { vggTraining, type Work } from "./work.ts";

type LayerWork = Extract<Work, { kind: "batch-norm-relu" | "max-pool" | "cross-entropy" }>;

interface Layer {
  /** The op. Where it's random, `checked` is what can be compared. */
  readonly forward: (checked: boolean) => Tensor;
  /** Of the output. */
  readonly gradient: Tensor;
  /** By the names of their gradients. */
  readonly leaves: Readonly<Record<string, Tensor>>;
  readonly others: readonly Tensor[];
}

export async function prepareLayer(gpu: Gpu, work: LayerWork, inputs: Inputs): Promise<Prepared> {
  const layer = layerOf(gpu, work, inputs);
  return work.direction === "forward" ? prepareForward(gpu, layer) : prepareBackward(gpu, layer);
}

function layerOf(gpu: Gpu, work: LayerWork, inputs: Inputs): Layer {
  const leaf = (name: string) => upload(gpu, inputs, name, true);
  switch (work.kind) {
    case "batch-norm-relu": {
      const [x, gamma, beta] = [leaf("x"), leaf("gamma"), leaf("beta")];
      const runningMean = gpu.zeros([work.channels]);
      const runningVar = gpu.full([work.channels], 1);
      const rng = gpu.rng(1);
      const options = { runningMean, runningVar, training: true, rng };
      return {
        forward: (checked) =>
          batchNormReluDropout(x, gamma, beta, { ...options, rate: checked ? 0 : work.rate }),
        gradient: upload(gpu, inputs, "dy"),
        leaves: { dx: x, dgamma: gamma, dbeta: beta },
        others: [runningMean, runningVar, rng.counter],
      };
    }
    case "max-pool": {
      const x = leaf("x");
      return {
        forward: () => maxPool2d(x, { size: 2 }),
        gradient: upload(gpu, inputs, "dy"),
        leaves: { dx: x },
        others: [],
      };
    }
    case "cross-entropy": {
      const logits = leaf("logits");
      const { data, shape } = valuesOf(inputs, "labels");
      const labels = gpu.tensor(Int32Array.from(data), shape);
      return {
        forward: () => softmaxCrossEntropy(logits, labels),
        gradient: gpu.tensor([1]),
        leaves: { dlogits: logits },
        others: [labels],
      };
    }
  }
}

async function prepareForward(gpu: Gpu, layer: Layer): Promise<Prepared> {
  const y = layer.forward(true);
  const outputs = { y: Float32Array.from(await y.data()) };
  return {
    outputs,
    run: () => {
      withTemporaries(layer.forward(false)).forEach(release);
    },
    wait: () => gpu.idle(),
    free: () => free(gpu, layer, withTemporaries(y)),
  };
}

async function prepareBackward(gpu: Gpu, layer: Layer): Promise<Prepared> {
  const places = new Map(Object.values(layer.leaves).map((leaf) => [leaf, gpu.empty(leaf.shape)]));
  const sink: GradientSink = {
    wants: (leaf) => places.has(leaf),
    into: (leaf, launch) => {
      const place = places.get(leaf);
      if (place) launch(place);
    },
    pass: () => {
      throw new Error("the layer passes a gradient on, in place of computing one");
    },
  };
  const backwardOf = ({ entry }: Tensor) => {
    const backward = entry?.backward;
    if (!backward) throw new Error("the layer left nothing for its gradient");
    return () => gpu.scope(() => backward(layer.gradient, sink));
  };
  const [checked, timed] = [layer.forward(true), layer.forward(false)];
  backwardOf(checked)();
  const outputs: Record<string, Float32Array<ArrayBuffer>> = {};
  for (const [name, leaf] of Object.entries(layer.leaves)) {
    const place = places.get(leaf);
    if (place) outputs[name] = Float32Array.from(await place.data());
  }
  const saved = [checked, timed].flatMap(withTemporaries);
  return {
    outputs,
    run: backwardOf(timed),
    wait: () => gpu.idle(),
    free: () => free(gpu, layer, [...saved, ...places.values()]),
  };
}

/** An op's output, and what it left for its gradient. */
function withTemporaries(y: Tensor): Tensor[] {
  return [y, ...(y.entry?.temporaries ?? [])];
}

function free(gpu: Gpu, { gradient, leaves, others }: Layer, results: readonly Tensor[]): void {
  for (const tensor of [...results, ...others, gradient, ...Object.values(leaves)]) release(tensor);
  gpu.device.trim();
}

/** The optimiser's step with gradients that stay as they are. Compared after two, when velocity counts. */
export async function prepareSgd(gpu: Gpu, inputs: Inputs): Promise<Prepared> {
  const parameters = Object.keys(inputs)
    .filter((name) => name.startsWith("parameter"))
    .map((name) => upload(gpu, inputs, name, true));
  const optimizer = optim.sgd(parameters, vggTraining);
  const gradients = parameters.map((parameter) => gpu.gradientOf(parameter));
  gradients.forEach((gradient, k) => {
    gradient.write(valuesOf(inputs, `gradient ${k}`).data);
  });
  const step = () => {
    // To the optimiser they're new.
    for (const { storage } of gradients) storage.version += 1;
    optimizer.step();
  };
  step();
  step();
  const moved: Float32Array[] = [];
  for (const parameter of parameters) moved.push(Float32Array.from(await parameter.data()));
  return {
    outputs: { parameters: concatenate(moved) },
    run: step,
    wait: () => gpu.idle(),
    free: () => {
      const { tensors } = optimizer.stateDict();
      for (const tensor of [...gradients, ...parameters, ...Object.values(tensors)]) release(tensor);
      gpu.device.trim();
    },
  };
}
