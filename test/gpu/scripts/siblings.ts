/**
 * Precompiles kernels that take long, thrice: with siblings, with siblings that die at once, and where no other adapter is to
 * be had. Prints who compiled what, and what became of the devices.
 */
import { createGpu } from "wgrad";
import { openWebGpu, siblingCount } from "../../../src/gpu/host.node.ts";
import { kernel } from "../../../src/gpu/kernel.ts";
import { PipelineCache } from "../../../src/gpu/pipelines.ts";

const gpu = await createGpu();
const instance = await openWebGpu();
if (!instance) throw new Error("there was an instance a moment ago");
const requestAdapter = instance.requestAdapter.bind(instance);

const elsewhere: string[] = [];
const { prepare } = PipelineCache.prototype;
PipelineCache.prototype.prepare = function (source) {
  if (this !== gpu.device.pipelines) elsewhere.push(source.label);
  return prepare.call(this, source);
};

const opened: GPUDevice[] = [];

/** Opens devices as before, and hands each to `see`. */
function watch(see: (device: GPUDevice) => void) {
  return async () => {
    const adapter = await requestAdapter();
    if (!adapter) return null;
    const requestDevice = adapter.requestDevice.bind(adapter);
    adapter.requestDevice = async (descriptor) => {
      const device = await requestDevice(descriptor);
      opened.push(device);
      see(device);
      return device;
    };
    return adapter;
  };
}

async function scenario(name: string, request: GPU["requestAdapter"]) {
  instance!.requestAdapter = request;
  elsewhere.length = 0;
  opened.length = 0;
  const kernels = Array.from({ length: 6 }, (_, k) => long(`${name}_${k}`));
  const y = gpu.tensor([0, 0, 0, 0]);
  const progress: [number, number, string][] = [];
  await gpu.precompile(
    () => {
      for (const each of kernels) each(gpu.device, { y, n: 1 });
    },
    (...seen) => progress.push(seen),
  );
  const values = await y.data(); // nothing ran
  const ends = await Promise.all(opened.map(({ lost }) => lost));
  return { progress, elsewhere: [...elsewhere], ends: ends.map(({ reason }) => reason), values: [...values] };
}

let seed = 0;

/** A kernel that a CPU driver compiles for 0.15 s or so, unlike any other. */
function long(label: string) {
  seed += 1;
  const lines = Array.from(
    { length: 450 },
    (_, k) => `v = select(sqrt(v * ${k + 1}.5 + v.wzyx), v.yxwz, v > quad(${k}.25));`,
  );
  const body = `var v = quad(f32(params.n) + ${seed}.0);\n${lines.join("\n")}\ny[i] = v;`;
  return kernel(label, { write: { y: "quad" }, params: { n: "u32" }, body });
}

const results = {
  siblings: siblingCount(gpu.info),
  helped: await scenario(
    "helped",
    watch(() => {}),
  ),
  died: await scenario(
    "died",
    watch((device) => device.destroy()),
  ),
  alone: await scenario("alone", async () => null),
};
gpu.destroy();
console.log(JSON.stringify(results));
