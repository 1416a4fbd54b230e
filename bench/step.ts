/** `npm run bench:step`: whole training and evaluation steps of VGG through the public API, over widths and batches. */
import { writeFileSync } from "node:fs";
import Table from "cli-table3";
import { Command } from "commander";
import { createGpu, type Gpu, nn, noGrad, optim, softmaxCrossEntropy } from "wgrad";
import { noise } from "../src/kernels/cases.ts";
import { nameOf, outputFile, positive, runCommand } from "./command.ts";
import { PeakMeter } from "./peaks.ts";
import { plotScaling } from "./plots.ts";
import { medianOf, spreadOf } from "./timing.ts";

type Phase = "train" | "evaluate";

interface Row {
  readonly name: string;
  readonly phase: Phase;
  readonly width: number;
  readonly batch: number;
  /** Of a step, from giving it to having its loss. */
  readonly ms: number;
  readonly spread: number;
  readonly imagesPerSecond: number;
  /** Of that, until its commands are given to Dawn; a software adapter's work is not in it. */
  readonly hostMs: number;
  /** Processor time of all threads; a software adapter's work is in it. */
  readonly cpuMs: number;
  /** Buffers on the GPU. They're pooled, so what exists at the end is the peak. */
  readonly gpuBytes: number;
  /** Largest resident size of the process seen after a step. A software adapter's buffers are in it. */
  readonly residentBytes: number;
}

interface Options {
  readonly width: readonly number[];
  readonly batch: readonly number[];
  readonly quick: boolean;
  readonly profile: boolean;
  readonly eager: boolean;
  readonly json?: string;
  readonly plot?: string;
}

const numbers = (text: string) => text.split(",").map(positive);

const command = new Command("bench:step")
  .description("Times whole training and evaluation steps of VGG.")
  .option("--width <list>", "widths of the model", numbers, [0.25, 1])
  .option("--batch <list>", "images a step", numbers, [32, 64])
  .option("--quick", "fewer samples", false)
  .option("--eager", "run the model's code at each step, in place of a recording", false)
  .option("--profile", "show the time by kernel and by module instead", false)
  .option("--json <file>", "write the rows to a file", outputFile)
  .option("--plot <file>", "draw images per second over the batch (SVG)", outputFile)
  .parse();

async function main(options: Options): Promise<number> {
  const configurations = options.width.flatMap((width) => options.batch.map((batch) => ({ width, batch })));
  const gpu = await createGpu();
  const device = nameOf(gpu);
  console.log(
    `Device: ${device}, Node ${process.versions.node}, ${options.eager ? "eager" : "recorded"} steps`,
  );
  if (options.profile) {
    for (const { width, batch } of configurations) await profile(gpu, width, batch);
    gpu.destroy();
    return 0;
  }
  const meter = new PeakMeter(gpu.device);
  await meter.measure();
  const rows: Row[] = [];
  for (const { width, batch } of configurations) {
    // A GPU of its own, so that no memory is left from the configuration before.
    const own = await createGpu();
    rows.push(...(await measure(own, width, batch, options)));
    own.destroy();
  }
  await meter.measure();
  const { peaks } = meter;
  gpu.destroy();
  console.log(format(rows));
  if (options.json)
    writeFileSync(options.json, `${JSON.stringify({ device: gpu.info, peaks, rows }, null, 2)}\n`);
  if (options.plot) {
    const points = rows.map((row) => ({ ...row, series: `${row.phase}, width ${row.width}` }));
    writeFileSync(options.plot, plotScaling(device, points));
  }
  return 0;
}

/** A model, its data, and its steps as a user writes them. */
function prepare(gpu: Gpu, width: number, batch: number) {
  const model = nn.vgg(gpu, { width });
  const optimizer = optim.sgd(model.parameters(), { lr: 0.01, momentum: 0.9, weightDecay: 5e-4 });
  const images = gpu.tensor(noise(batch * 32 * 32 * 3), [batch, 32, 32, 3]);
  const labels = gpu.tensor(
    Int32Array.from({ length: batch }, (_, row) => row % 100),
    [batch],
  );
  const train = () => {
    const logits = model.forward(images, { training: true });
    const loss = softmaxCrossEntropy(logits, labels);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const evaluate = () => noGrad(() => softmaxCrossEntropy(model.forward(images), labels));
  return { train, evaluate };
}

async function measure(gpu: Gpu, width: number, batch: number, { quick, eager }: Options): Promise<Row[]> {
  const steps = prepare(gpu, width, batch);
  const rows: Row[] = [];
  for (const phase of ["train", "evaluate"] as const) {
    const recorded = gpu.record(steps[phase]);
    const step = eager ? () => gpu.scope(steps[phase]) : recorded;
    for (let warm = 0; warm < 2; warm++) await step().item();
    const times: number[] = [];
    const hostTimes: number[] = [];
    const cpuTimes: number[] = [];
    let residentBytes = 0;
    for (let k = 0; k < (quick ? 3 : 7); k++) {
      const cpu = process.cpuUsage();
      const start = performance.now();
      const loss = step();
      hostTimes.push(performance.now() - start);
      if (!Number.isFinite(await loss.item())) throw new Error("the loss is no longer a number");
      times.push(performance.now() - start);
      const { user, system } = process.cpuUsage(cpu);
      cpuTimes.push((user + system) / 1000);
      residentBytes = Math.max(residentBytes, process.memoryUsage.rss());
    }
    const ms = medianOf(times);
    const row: Row = {
      ...{ name: `${phase} width ${width} batch ${batch}`, phase, width, batch },
      ...{ ms, spread: spreadOf(times), imagesPerSecond: (1000 * batch) / ms },
      ...{ hostMs: medianOf(hostTimes), cpuMs: medianOf(cpuTimes) },
      ...{ gpuBytes: gpu.memory.bytes, residentBytes },
    };
    recorded.release();
    console.error(`${row.name}: ${ms.toFixed(0)} ms`);
    rows.push(row);
  }
  return rows;
}

async function profile(gpu: Gpu, width: number, batch: number): Promise<void> {
  const steps = prepare(gpu, width, batch);
  for (const phase of ["train", "evaluate"] as const) {
    const step = () => {
      gpu.scope(steps[phase]);
    };
    step();
    await gpu.idle();
    const start = performance.now();
    step();
    await gpu.idle();
    const whole = performance.now() - start;
    console.log(`\n${phase}, width ${width}, batch ${batch}: the step as usual takes ${whole.toFixed(1)} ms`);
    console.log((await gpu.profile(step)).table());
  }
}

function format(rows: readonly Row[]): string {
  const table = new Table({
    head: ["step", "median ms", "± %", "images/s", "host ms", "CPU ms", "GPU MiB", "RSS MiB"],
    colAligns: ["left", "right", "right", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  for (const row of rows) {
    table.push([
      row.name,
      row.ms.toPrecision(4),
      (100 * row.spread).toFixed(0),
      row.imagesPerSecond.toPrecision(3),
      row.hostMs.toFixed(1),
      row.cpuMs.toFixed(0),
      mebibytes(row.gpuBytes),
      mebibytes(row.residentBytes),
    ]);
  }
  return table.toString();
}

await runCommand(() => main(command.opts<Options>()));
