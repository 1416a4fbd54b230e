/** `npm run bench:peers`: the same work in wgrad, PyTorch, jax-js and TensorFlow.js, interleaved, results compared before any time is told. */
import { writeFileSync } from "node:fs";
import Table from "cli-table3";
import { Command } from "commander";
import { createGpu, type Gpu } from "wgrad";
import { listOf, nameOf, outputFile, positive, runCommand } from "./command.ts";
import { formatGrid, formatSpeed, speedLegend } from "./grid.ts";
import { describePeaks, PeakMeter } from "./peaks.ts";
import { medianOf, spreadOf } from "./timing.ts";
import { difference } from "./versus/difference.ts";
import { type Inputs, inputsOf } from "./versus/inputs.ts";
import { prepareOurs } from "./versus/ours.ts";
import { MissingError, type Peer, type PeerName, peerNames, startPeer } from "./versus/peer.ts";
import type { Prepared } from "./versus/tensors.ts";
import { flopsOf, listWork, placeOf, type Work } from "./versus/work.ts";

type Mode = "as-shipped" | "throttled";

interface Row {
  readonly work: string;
  readonly peer: PeerName;
  /** Whether the peer's waits leave the core that Dawn polls to the adapter. */
  readonly mode: Mode;
  readonly oursMs: number;
  readonly peerMs: number;
  /** Above 1 where wgrad is faster. */
  readonly ratio: number;
  /** Of ours, by the direct algorithm's operations; null where memory bounds the work. */
  readonly gflops: number | null;
  readonly oursSpread: number;
  readonly peerSpread: number;
  readonly samples: number;
}

interface Options {
  readonly work: readonly string[];
  readonly peers: readonly string[];
  readonly width: number;
  readonly batch: number;
  readonly images: number;
  readonly seconds: number;
  readonly json?: string;
}

const list = (text: string) => text.split(",").map((part) => part.trim());

const command = new Command("bench:peers")
  .description(
    "Compares wgrad with its peers: the same inputs, results checked against each other, then timed in turns.",
  )
  .option(
    "--work <names>",
    "what to compare, by names or their beginnings, such as vgg-step,conv-fwd",
    list,
    [""],
  )
  .option("--peers <names>", `which peers: ${peerNames.join(",")}`, listOf(peerNames), [
    "pytorch",
    "jax-js",
    "tfjs",
  ])
  .option("--width <number>", "of the VGG step", positive, 1)
  .option("--batch <number>", "of the VGG step", positive, 32)
  .option("--images <number>", "of the single kernels", positive, 32)
  .option("--seconds <number>", "about how long each row may sample", positive, 10)
  .option("--json <file>", "write the rows to a file", outputFile)
  .addHelpText(
    "after",
    `
Works: vgg-step, gemm-SIZE, conv-{fwd,dx,dw}-CHANNELS@EXTENT (VGG's and those of the network 'record'), batchnorm
(forward and backward), {bn-relu,bn-relu-dropout,pool}-{fwd,bwd}-CHANNELS@EXTENT, loss-{fwd,bwd}, sgd (VGG's 15 million parameters).

Backward (bwd) is run again and again after one forward, which left what it needs. A convolution's gradients (dx, dw) are each run
alone: in training, wgrad's forward keeps the transformed input and weights for them, and the two share the transformed gradient;
alone, each transforms all it needs. Results with dropout are compared at a rate of 0, then timed at 0.3.`,
  )
  .parse();

async function main(options: Options): Promise<number> {
  const all = listWork(options);
  const works = all.filter(({ name }) => options.work.some((wanted) => name.startsWith(wanted)));
  const unknown = options.work.filter((wanted) => !all.some(({ name }) => name.startsWith(wanted)));
  const names = peerNames.filter((name) => options.peers.includes(name));
  if (unknown.length > 0) {
    const known = all.map(({ name }) => name).join(", ");
    console.error(`bench: no work's name begins with ${unknown.join(" or ")}; there are ${known}`);
    return 2;
  }
  const gpu = await createGpu();
  console.log(`wgrad on ${nameOf(gpu)}, Node ${process.versions.node}`);
  console.log(`VGG step: width ${options.width}, batch ${options.batch}, without dropout`);

  const meter = new PeakMeter(gpu.device);
  await meter.measure();
  const rows: Row[] = [];
  const problems: string[] = [];
  const missing: string[] = [];
  for (const name of names) {
    let peer: Peer | undefined;
    for (const work of works) {
      try {
        await meter.measureInBetween();
        peer ??= await open(name);
        rows.push(...(await compare(gpu, peer, work, options.seconds)));
        if (options.json) writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`);
      } catch (error) {
        if (error instanceof MissingError) {
          missing.push(`${work.name}, ${name}: ${error.message}`);
          continue;
        }
        problems.push(`${work.name}, ${name}: ${error instanceof Error ? error.message : error}`);
        peer?.close();
        peer = undefined;
        if (error instanceof UnavailableError) break;
      }
    }
    peer?.close();
  }
  await meter.measure();
  gpu.destroy();
  if (rows.length > 0) {
    console.log(format(rows));
    console.log(formatByLayer(rows, works, meter.peaks.gflops));
    console.log(describePeaks(meter.peaks));
  }
  for (const line of missing) console.log(`no such work: ${line}`);
  for (const problem of problems) console.error(`not timed: ${problem}`);
  return problems.length > 0 ? 1 : 0;
}

class UnavailableError extends Error {}

async function open(name: PeerName): Promise<Peer> {
  const peer = startPeer(name);
  if (typeof peer === "string") throw new UnavailableError(peer);
  console.log(await peer.open());
  return peer;
}

/** One row a mode. @throws Error if the results differ, or the peer fails */
async function compare(gpu: Gpu, peer: Peer, work: Work, seconds: number): Promise<Row[]> {
  const inputs = inputsOf(work);
  const ours = await prepareOurs(gpu, work, inputs);
  try {
    await check(peer, work, inputs, ours);
    const modes: readonly Mode[] = peer.name.startsWith("pytorch")
      ? ["as-shipped"]
      : ["as-shipped", "throttled"];
    const rows: Row[] = [];
    for (const mode of modes) rows.push(await race(peer, work, ours, mode, seconds));
    return rows;
  } finally {
    ours.free();
  }
}

async function check(peer: Peer, work: Work, inputs: Inputs, ours: Prepared): Promise<void> {
  const different = difference(work, inputs, ours.outputs, await peer.prepare(work, inputs));
  if (different) throw new Error(`the results are not the same: ${different}`);
}

const leastSampleMs = 60;
const fewestSamples = 3;
const mostSamples = 9;
const mostRepeats = 1000;

/** Times both sides in turns, so that what else the machine does hits both alike. */
async function race(peer: Peer, work: Work, ours: Prepared, mode: Mode, seconds: number): Promise<Row> {
  const time = {
    ours: (repeats: number) => timeOurs(ours, repeats),
    peer: (repeats: number) => peer.time(repeats, mode === "throttled"),
  };
  const oursRepeats = await repeatsFor(time.ours, await time.ours(1));
  const began = performance.now();
  const first = await time.peer(1);
  const peerRepeats = await repeatsFor(time.peer, first);
  const isSlow = first > seconds * 1000;
  const samples: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
  while (samples.ours.length < mostSamples) {
    samples.ours.push(await time.ours(oursRepeats));
    samples.peer.push(isSlow ? first : await time.peer(peerRepeats));
    const isLate = performance.now() - began > seconds * 1000;
    if (isSlow || (isLate && samples.ours.length >= fewestSamples)) break;
  }
  const [oursMs, peerMs] = [medianOf(samples.ours), medianOf(samples.peer)];
  const flops = flopsOf(work);
  const row: Row = {
    gflops: flops === null ? null : flops / oursMs / 1e6,
    ...{ work: work.name, peer: peer.name, mode, oursMs, peerMs, ratio: peerMs / oursMs },
    ...{ oursSpread: spreadOf(samples.ours), peerSpread: spreadOf(samples.peer) },
    samples: samples.ours.length,
  };
  console.error(`${row.work}, ${row.peer} ${mode}: ${row.ratio.toFixed(2)}`);
  return row;
}

/** How many runs make a sample, from what one takes. Waiting for short ones takes longer than they do, so these are tried again. */
async function repeatsFor(time: (repeats: number) => Promise<number>, ms: number): Promise<number> {
  const fitting = (run: number) => Math.max(1, Math.min(mostRepeats, Math.round(leastSampleMs / run)));
  const repeats = fitting(ms);
  return repeats < 10 ? repeats : fitting(await time(repeats));
}

async function timeOurs(ours: Prepared, repeats: number): Promise<number> {
  const start = performance.now();
  for (let k = 0; k < repeats; k++) ours.run();
  await ours.wait();
  return (performance.now() - start) / repeats;
}

function format(rows: readonly Row[]): string {
  const table = new Table({
    head: ["work", "peer", "mode", "wgrad ms", "± %", "peer ms", "± %", "ratio", "samples"],
    colAligns: ["left", "left", "left", "right", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) {
    table.push([
      ...[row.work, row.peer, row.mode],
      row.oursMs.toPrecision(3),
      (100 * row.oursSpread).toFixed(0),
      row.peerMs.toPrecision(3),
      (100 * row.peerSpread).toFixed(0),
      row.ratio.toFixed(2),
      `${row.samples}`,
    ]);
  }
  return `${table.toString()}\nratio: the peer's time over wgrad's, medians of runs in turns; above 1 wgrad is faster`;
}

/** What's wgrad's in each layer and direction, with each peer's ratio. */
function formatByLayer(rows: readonly Row[], works: readonly Work[], peak: number): string {
  const competitors = [...new Set(rows.map(({ peer, mode }) => `${peer} ${mode}`))];
  const tables = competitors.map((competitor) => {
    const cells = works.flatMap((work) => {
      const row = rows.find((row) => row.work === work.name && `${row.peer} ${row.mode}` === competitor);
      if (!row) return [];
      return [
        { ...placeOf(work), text: `${formatSpeed(row.oursMs, row.gflops, peak)}, x${row.ratio.toFixed(2)}` },
      ];
    });
    return `wgrad by layer, and its ratio to ${competitor}\n${formatGrid(cells)}`;
  });
  return `${tables.join("\n")}\n${speedLegend}`;
}

await runCommand(() => main(command.opts<Options>()));
