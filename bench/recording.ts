/**
 * What a recorded VGG step costs the host, next to a bare loop that encodes the same dispatches, and what memory it takes.
 * `node scripts/run.mjs bench/recording.ts`
 */
import { createGpu, nn, optim, softmaxCrossEntropy, type Tensor } from "wgrad";
import { bindGroupEntries } from "../src/gpu/commands.ts";
import { type Trace, VirtualBuffer } from "../src/gpu/trace.ts";
import { reportMemory } from "./memory.ts";

await reportMemory(128);

const gpu = await createGpu();
const { device } = gpu;
const model = nn.vgg(gpu, { width: 1, seed: 1 });
const optimizer = optim.sgd(model.parameters(), { lr: 0.01, momentum: 0.9, weightDecay: 5e-4 });
const step = (images: Tensor, labels: Tensor) => {
  const loss = softmaxCrossEntropy(model.forward(images, { training: true }), labels);
  loss.backward();
  optimizer.step();
  return loss;
};
const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

function traced(batch: number): Trace {
  const images = gpu.empty([batch, 32, 32, 3]).keep();
  const labels = gpu.empty([batch], "i32").keep();
  return device.trace(true, () => gpu.scope(() => void step(images, labels))).trace;
}

const batch = 32;
const images = gpu.full([batch, 32, 32, 3], 0.1);
const labels = gpu.tensor(new Int32Array(batch));
const recorded = gpu.record(step);
const wall = { eager: [] as number[], recorded: [] as number[] };
const cpu = { eager: [] as number[], recorded: [] as number[] };
const host = { eager: [] as number[], recorded: [] as number[] };
for (let k = 0; k < 6; k++) {
  for (const [name, fn] of [
    ["eager", step],
    ["recorded", recorded],
  ] as const) {
    await gpu.idle();
    const before = process.cpuUsage();
    const began = performance.now();
    fn(images, labels);
    device.stream.flush();
    const given = performance.now();
    await gpu.idle();
    if (k < 1) continue;
    wall[name].push(performance.now() - began);
    host[name].push(given - began);
    const { user, system } = process.cpuUsage(before);
    cpu[name].push((user + system) / 1000);
  }
}
console.log(`step ms: eager ${median(wall.eager)}, recorded ${median(wall.recorded)}`);
console.log(`CPU ms: eager ${median(cpu.eager)}, recorded ${median(cpu.recorded)}`);
console.log(`host ms: eager ${median(host.eager)}, recorded ${median(host.recorded)}`);
const [recording] = recorded.recordings();
console.log(`commands ${recording?.commands}, submits ${recording?.submits}`);

// The bare loop encodes the same dispatches, with one workgroup each: only encoding is measured.
const bare = traced(batch);
for (const buffer of bare.virtuals) buffer.isReleased = false;
device.settle(bare);
const dispatches = bare.commands.flatMap((command) => {
  if (command.kind !== "dispatch") return [];
  const { raw, layout } = device.pipelines.get(command.kernel);
  const views = command.views.map((view) => {
    const { buffer } = view;
    return { ...view, buffer: buffer instanceof VirtualBuffer && buffer.real ? buffer.real : buffer };
  });
  const resources = device.texels?.place({ ...command, views }, () => {});
  const entries = bindGroupEntries(resources ?? views, command.uniform);
  const bindGroup = device.raw.createBindGroup({ layout, entries });
  return [{ pipeline: raw, bindGroup, groups: command.groups }];
});
const submits = recording?.submits ?? 1;
const bareMs: number[] = [];
const checkMs: number[] = [];
const replayMs: number[] = [];
for (let k = 0; k < 200; k++) {
  const began = performance.now();
  const buffers: GPUCommandBuffer[] = [];
  for (let s = 0; s < submits; s++) {
    const encoder = device.raw.createCommandEncoder();
    const pass = encoder.beginComputePass();
    const from = Math.floor((dispatches.length * s) / submits);
    const to = Math.floor((dispatches.length * (s + 1)) / submits);
    for (let d = from; d < to; d++) {
      const dispatch = dispatches[d];
      if (!dispatch) continue;
      pass.setPipeline(dispatch.pipeline);
      pass.setBindGroup(0, dispatch.bindGroup);
      pass.dispatchWorkgroups(dispatch.groups[0], dispatch.groups[1]);
    }
    pass.end();
    buffers.push(encoder.finish());
  }
  const between = performance.now();
  const isReady = recording && !recording.isStale && recording.fits;
  recorded.check();
  const checked = performance.now();
  if (isReady) recording.encode();
  const ended = performance.now();
  if (k < 20) continue;
  bareMs.push(between - began);
  checkMs.push(checked - between);
  replayMs.push(ended - between);
}
await gpu.idle();
console.log(
  `encoding ms: replay ${median(replayMs)}, of which checks ${median(checkMs)}, bare ${median(bareMs)}, ` +
    `ratio ${median(replayMs) / median(bareMs)}`,
);
gpu.destroy();
