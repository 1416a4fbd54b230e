/**
 * jax-js on WebGPU, behind the line protocol of child.mjs.
 *
 * Its arrays are counted by hand: using one consumes it, and `.ref` keeps it for a further use.
 */
import { readFileSync } from "node:fs";
import { provideWebGpu, serve } from "./child.mjs";
import { concatenate, parametersOf, permute, stages } from "./layout.mjs";

const gpu = provideWebGpu();
const { defaultDevice, grad, init, jit, lax, nn, numpy: np, valueAndGrad } = await import("@jax-js/jax");

const eps = 2e-5;
const learningRate = 0.01;
const momentum = 0.9;
const weightDecay = 5e-4;

async function open() {
  await init("webgpu");
  defaultDevice("webgpu");
  const adapter = await gpu.requestAdapter();
  const manifest = new URL("./node_modules/@jax-js/jax/package.json", import.meta.url);
  return {
    versions: { "jax-js": JSON.parse(readFileSync(manifest, "utf8")).version },
    device: adapter.info.description,
  };
}

const asArray = ({ data, shape }) => np.array(data, { shape, dtype: np.float32 });
// [N, H, W, C] to [N, C, H, W] and [Co, Kh, Kw, Ci] to [Co, Ci, Kh, Kw], and back.
const toChannelsFirst = ({ data, shape }) =>
  asArray(shape.length === 4 ? permute(data, shape, [0, 3, 1, 2]) : { data, shape });
const fromChannelsFirst = async (x) => {
  const { shape } = x;
  const data = new Float32Array(await x.data());
  return shape.length === 4 ? permute(data, shape, [0, 2, 3, 1]).data : data;
};

async function prepare(work, inputs) {
  if (work.direction === "backward")
    return { missing: "a compiled gradient computes its forward anew, there is no backward alone" };
  if (work.rate > 0) return { missing: "there is no dropout; bn-relu-fwd is the same without" };
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

/** A compiled function of constant arrays to a list of arrays. */
async function pure(names, fn, args) {
  const compiled = jit(fn);
  const call = () => compiled(...args.map((x) => x.ref));
  const first = call();
  const outputs = {};
  for (const [k, name] of names.entries()) outputs[name] = await fromChannelsFirst(first[k]);
  const results = [];
  return {
    outputs,
    // Results that are disposed before anybody waits for them are never computed.
    run: () => results.push(...call()),
    wait: async () => {
      await Promise.all(results.map((x) => x.blockUntilReady()));
      for (const x of results.splice(0)) x.dispose();
    },
  };
}

function gemm(_work, inputs) {
  return pure(["c"], (a, b) => [np.matmul(a, b)], [asArray(inputs.a), asArray(inputs.b)]);
}

const convolve = (x, weight, padding = 1) =>
  lax.conv(
    x,
    weight,
    [1, 1],
    [
      [padding, padding],
      [padding, padding],
    ],
  );

function conv2d({ direction, padding }, inputs) {
  const [x, weight, dy] = [inputs.x, inputs.weight, inputs.dy].map(toChannelsFirst);
  if (direction === "forward") return pure(["y"], (a, b) => [convolve(a, b, padding)], [x, weight]);
  const weighted = (a, b, c) => convolve(a, b, padding).mul(c).sum();
  return direction === "input-grad"
    ? pure(["dx"], (a, b, c) => [grad(weighted, { argnums: 0 })(a, b, c)], [x, weight, dy])
    : pure(["dweight"], (a, b, c) => [grad(weighted, { argnums: 1 })(a, b, c)], [x, weight, dy]);
}

function normalise(x, gamma, beta) {
  const axes = x.shape.length === 4 ? [0, 2, 3] : [0];
  const perChannel = x.shape.length === 4 ? [1, -1, 1, 1] : [1, -1];
  const centred = x.ref.sub(np.mean(x, axes, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), axes, { keepdims: true });
  return centred
    .div(np.sqrt(variance.add(eps)))
    .mul(gamma.reshape(perChannel))
    .add(beta.reshape(perChannel));
}

function batchNorm(_work, inputs) {
  const [x, gamma, beta, dy] = [inputs.x, inputs.gamma, inputs.beta, inputs.dy].map(toChannelsFirst);
  const weighted = (a, b, c, d) => {
    const y = normalise(a, b, c);
    return [y.ref.mul(d).sum(), y];
  };
  const run = (...args) => {
    const [[value, y], gradients] = valueAndGrad(weighted, { argnums: [0, 1, 2], hasAux: true })(...args);
    value.dispose();
    return [y, ...gradients];
  };
  return pure(["y", "dx", "dgamma", "dbeta"], run, [x, gamma, beta, dy]);
}

function batchNormRelu(_work, inputs) {
  const args = [inputs.x, inputs.gamma, inputs.beta].map(toChannelsFirst);
  return pure(["y"], (x, gamma, beta) => [nn.relu(normalise(x, gamma, beta))], args);
}

function maxPool(_work, inputs) {
  return pure(["y"], (x) => [halve(x)], [toChannelsFirst(inputs.x)]);
}

function crossEntropy({ classes }, inputs) {
  const args = [asArray(inputs.logits), oneHot(inputs.labels, classes)];
  return pure(["y"], (logits, labels) => [lossOfLogits(logits, labels)], args);
}

async function sgd(_work, inputs) {
  const given = parametersOf(inputs);
  const gradients = given.map((_, k) => toChannelsFirst(inputs[`gradient ${k}`]));
  let parameters = given.map(toChannelsFirst);
  let velocity = parameters.map((x) => np.zeros(x.shape));
  const compiled = jit(updated);
  const step = () => {
    [parameters, velocity] = compiled(
      parameters,
      velocity,
      gradients.map((x) => x.ref),
    );
  };
  step();
  step();
  const moved = [];
  for (const x of parameters) moved.push(await fromChannelsFirst(x.ref));
  return {
    outputs: { parameters: concatenate(moved) },
    run: step,
    wait: () => Promise.all(parameters.map((x) => x.blockUntilReady())),
  };
}

/** SGD's new weights and velocity. */
function updated(weights, before, gradients) {
  const velocity = before.map((v, k) =>
    v.mul(momentum).add(gradients[k]).add(weights[k].ref.mul(weightDecay)),
  );
  return [weights.map((w, k) => w.sub(velocity[k].ref.mul(learningRate))), velocity];
}

function halve(x) {
  const [n, c, h, w] = x.shape;
  return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5]);
}

function lossOf(parameters, images, labels) {
  const left = parameters.values();
  const next = () => left.next().value;
  let x = images;
  for (const convolutions of stages) {
    for (let k = 0; k < convolutions; k++) x = nn.relu(normalise(convolve(x, next()), next(), next()));
    x = halve(x);
  }
  x = x.reshape([x.shape[0], x.shape[1]]);
  x = nn.relu(normalise(np.matmul(x, next().transpose()), next(), next()));
  return lossOfLogits(np.matmul(x, next().transpose()), labels);
}

function lossOfLogits(logits, labels) {
  const [rows] = logits.shape;
  return nn
    .logSoftmax(logits)
    .mul(labels)
    .sum()
    .mul(-1 / rows);
}

function oneHot({ data, shape: [rows] }, classes) {
  const ones = new Float32Array(rows * classes);
  data.forEach((label, row) => {
    ones[row * classes + label] = 1;
  });
  return asArray({ data: ones, shape: [rows, classes] });
}

async function vggStep(_work, inputs) {
  const given = parametersOf(inputs);
  let parameters = given.map(toChannelsFirst);
  let velocity = parameters.map((x) => np.zeros(x.shape));
  const images = toChannelsFirst(inputs.images);
  const labels = oneHot(inputs.labels, 100);

  const compiled = jit((weights, before, x, y) => {
    const [value, gradients] = valueAndGrad(lossOf)(
      weights.map((w) => w.ref),
      x,
      y,
    );
    return [value, ...updated(weights, before, gradients)];
  });
  let loss;
  const step = () => {
    loss?.dispose();
    [loss, parameters, velocity] = compiled(parameters, velocity, images.ref, labels.ref);
  };
  const losses = [];
  step();
  losses.push((await loss.ref.data())[0]);
  const moved = [];
  for (const x of parameters) moved.push(await fromChannelsFirst(x.ref));
  step();
  losses.push((await loss.ref.data())[0]);
  return {
    outputs: { losses: Float32Array.from(losses), parameters: concatenate(moved) },
    run: step,
    wait: () => Promise.all([loss, ...parameters].map((x) => x.blockUntilReady())),
  };
}

await serve(open, prepare);
