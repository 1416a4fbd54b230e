/** TensorFlow.js on its WebGPU backend, behind the line protocol of child.mjs. */
import { createRequire } from "node:module";
import { provideWebGpu, serve } from "./child.mjs";
import { concatenate, parametersOf, permute, stages } from "./layout.mjs";

const gpu = provideWebGpu();
const require = createRequire(import.meta.url);
const tf = require("@tensorflow/tfjs");
require("@tensorflow/tfjs-backend-webgpu");

const eps = 2e-5;
const learningRate = 0.01;
const momentum = 0.9;
const weightDecay = 5e-4;

async function open() {
  if (!(await tf.setBackend("webgpu"))) throw new Error("TensorFlow.js can't use WebGPU here");
  const adapter = await gpu.requestAdapter();
  const { version } = require("@tensorflow/tfjs-backend-webgpu/package.json");
  return {
    versions: { tfjs: tf.version.tfjs, "tfjs-backend-webgpu": version },
    device: adapter.info.description,
  };
}

async function wait() {
  tf.backend().endComputePassEncoder();
  tf.backend().submitQueue();
  await tf.backend().queue.onSubmittedWorkDone();
}

// [Co, Kh, Kw, Ci] to TensorFlow's [Kh, Kw, Ci, Co], and back.
const toFilter = ({ data, shape }) => {
  const moved = permute(data, shape, [1, 2, 3, 0]);
  return tf.tensor(moved.data, moved.shape);
};
const fromFilter = async (x) => permute(await x.data(), x.shape, [3, 0, 1, 2]).data;
const asTensor = ({ data, shape }) => tf.tensor(data, shape);

async function prepare(work, inputs) {
  const makers = {
    gemm,
    conv2d,
    "batch-norm": batchNorm,
    "batch-norm-relu": batchNormRelu,
    "max-pool": maxPool,
    "cross-entropy": crossEntropy,
    sgd,
    "vgg-step": vggStep,
  };
  return makers[work.kind](work, inputs);
}

/** A work that makes tensors and no state. What is random has another computation to check. */
async function pure(compute, read, checked = compute) {
  const first = tf.tidy(checked);
  const outputs = {};
  for (const [name, x] of Object.entries(first)) outputs[name] = await (read[name] ?? ((y) => y.data()))(x);
  tf.dispose(first);
  return { outputs, run: () => tf.dispose(tf.tidy(compute)), wait };
}

function gemm(_work, inputs) {
  const a = asTensor(inputs.a);
  const b = asTensor(inputs.b);
  return pure(() => ({ c: tf.matMul(a, b) }), {});
}

const noBackward = { missing: "its gradients can't be run without their forward" };

function conv2d({ direction, padding }, inputs) {
  const x = asTensor(inputs.x);
  const dy = asTensor(inputs.dy);
  const filter = toFilter(inputs.weight);
  const pad = padding === 0 ? "valid" : "same";
  const attributes = { strides: [1, 1], pad, dataFormat: "NHWC", dimRoundingMode: undefined };
  const kernels = {
    forward: () => ({ y: tf.conv2d(x, filter, 1, pad) }),
    "input-grad": () => ({
      dx: tf
        .engine()
        .runKernel("Conv2DBackpropInput", { dy, filter }, { ...attributes, inputShape: x.shape }),
    }),
    "weight-grad": () => ({
      dweight: tf
        .engine()
        .runKernel("Conv2DBackpropFilter", { x, dy }, { ...attributes, filterShape: filter.shape }),
    }),
  };
  return pure(kernels[direction], { dweight: fromFilter });
}

function normalise(x, gamma, beta) {
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const { mean, variance } = tf.moments(x, axes);
  return tf.batchNorm(x, mean, variance, beta, gamma, eps);
}

function batchNorm(_work, inputs) {
  const [x, gamma, beta, dy] = [inputs.x, inputs.gamma, inputs.beta, inputs.dy].map(asTensor);
  return pure(() => {
    let y;
    const gradients = tf.grads((...args) => {
      y = tf.keep(normalise(...args));
      return tf.sum(tf.mul(y, dy));
    });
    const [dx, dgamma, dbeta] = gradients([x, gamma, beta]);
    return { y, dx, dgamma, dbeta };
  }, {});
}

function batchNormRelu({ direction, rate }, inputs) {
  if (direction === "backward") return noBackward;
  const [x, gamma, beta] = [inputs.x, inputs.gamma, inputs.beta].map(asTensor);
  const forward = () => tf.relu(normalise(x, gamma, beta));
  const dropping = () => ({ y: tf.dropout(forward(), rate) });
  const checked = () => ({ y: forward() });
  return pure(rate > 0 ? dropping : checked, {}, checked);
}

function maxPool({ direction }, inputs) {
  const x = asTensor(inputs.x);
  if (direction === "forward") return pure(() => ({ y: tf.maxPool(x, 2, 2, "valid") }), {});
  const dy = asTensor(inputs.dy);
  const output = tf.maxPool(x, 2, 2, "valid");
  const attributes = { filterSize: 2, strides: 2, pad: "valid", dimRoundingMode: undefined };
  return pure(() => ({ dx: tf.engine().runKernel("MaxPoolGrad", { dy, input: x, output }, attributes) }), {});
}

function crossEntropy({ direction, classes }, inputs) {
  if (direction === "backward") return noBackward;
  const logits = asTensor(inputs.logits);
  const labels = oneHot(inputs.labels, classes);
  return pure(() => ({ y: tf.losses.softmaxCrossEntropy(labels, logits) }), {});
}

const oneHot = ({ data }, classes) => tf.oneHot(tf.tensor1d(Int32Array.from(data), "int32"), classes);

const toParameter = (input) => {
  if (input.shape.length === 4) return toFilter(input);
  return input.shape.length === 2 ? tf.transpose(asTensor(input)) : asTensor(input);
};
const fromParameter = async (x) => {
  if (x.shape.length === 4) return fromFilter(x);
  return x.shape.length === 2 ? permute(await x.data(), x.shape, [1, 0]).data : x.data();
};

/** Moves the variables against their gradients. */
function update(optimizer, variables, grads) {
  const decayed = variables.map(({ name }, k) => [
    name,
    tf.add(grads[name], tf.mul(variables[k], weightDecay)),
  ]);
  optimizer.applyGradients(Object.fromEntries(decayed));
}

async function sgd(_work, inputs) {
  const variables = parametersOf(inputs).map((input) => tf.variable(toParameter(input)));
  const grads = Object.fromEntries(
    variables.map(({ name }, k) => [name, toParameter(inputs[`gradient ${k}`])]),
  );
  const optimizer = tf.train.momentum(learningRate, momentum);
  const step = () => tf.tidy(() => update(optimizer, variables, grads));
  step();
  step();
  const parameters = concatenate(await Promise.all(variables.map(fromParameter)));
  return { outputs: { parameters }, run: step, wait };
}

async function vggStep(_work, inputs) {
  const variables = parametersOf(inputs).map((input) => tf.variable(toParameter(input)));
  const images = asTensor(inputs.images);
  const labels = oneHot(inputs.labels, 100);
  const optimizer = tf.train.momentum(learningRate, momentum);

  const loss = () => {
    const left = variables.values();
    const next = () => left.next().value;
    let x = images;
    for (const convolutions of stages) {
      for (let k = 0; k < convolutions; k++)
        x = tf.relu(normalise(tf.conv2d(x, next(), 1, "same"), next(), next()));
      x = tf.maxPool(x, 2, 2, "valid");
    }
    x = tf.matMul(tf.reshape(x, [x.shape[0], -1]), next());
    x = tf.relu(normalise(x, next(), next()));
    return tf.losses.softmaxCrossEntropy(labels, tf.matMul(x, next()));
  };
  const step = () =>
    tf.tidy(() => {
      const { value, grads } = tf.variableGrads(loss, variables);
      update(optimizer, variables, grads);
      return value;
    });
  let last = step();
  const losses = [(await last.data())[0]];
  const parameters = concatenate(await Promise.all(variables.map(fromParameter)));
  last = step();
  losses.push((await last.data())[0]);
  return {
    outputs: { losses: Float32Array.from(losses), parameters },
    run: () => {
      last.dispose();
      last = step();
    },
    wait,
  };
}

await serve(open, prepare);
