/** `npm run bench:peers`: the same work in wgrad, PyTorch, jax-js and TensorFlow.js, interleaved, results compared before any time is told. */
import { writeFileSync } from "node:fs";
import Table from "cli-table3";
import { Command } from "commander";
import { createGpu, type Gpu } from "wgrad";
import { nameOf, positive, runCommand } from "./command.ts";
import { medianOf, spreadOf } from "./timing.ts";
import { type Prepared, prepareOurs } from "./versus/ours.ts";
import { type Peer, type PeerName, peerNames, startPeer } from "./versus/peer.ts";
import { difference, inputsOf, listWork, type Values, type Work } from "./versus/work.ts";

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
  readonly oursSpread: number;
  readonly peerSpread: number;
  readonly samples: number;
}

interface Options {
  readonly work: readonly string[];
  readonly peers: readonly string[];
  readonly width: number;
  readonly batch: number;
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
  .option("--peers <names>", `which peers: ${peerNames.join(",")}`, list, [...peerNames])
  .option("--width <number>", "of the VGG step", positive, 1)
  .option("--batch <number>", "of the VGG step", positive, 32)
  .option("--seconds <number>", "about how long each row may sample", positive, 10)
  .option("--json <file>", "write the rows to a file")
  .parse();

async function main(options: Options): Promise<number> {
  const works = listWork(options.width, options.batch).filter(({ name }) =>
    options.work.some((wanted) => name.startsWith(wanted)),
  );
  const names = peerNames.filter((name) => options.peers.includes(name));
  if (works.length === 0 || names.length === 0) {
    const known = listWork(options.width, options.batch).map(({ name }) => name);
    console.error(`bench: choose --work from ${known.join(", ")} and --peers from ${peerNames.join(", ")}`);
    return 2;
  }
  const gpu = await createGpu();
  console.log(`wgrad on ${nameOf(gpu)}, Node ${process.versions.node}`);
  console.log(`VGG step: width ${options.width}, batch ${options.batch}, without dropout`);

  const rows: Row[] = [];
  const problems: string[] = [];
  for (const name of names) {
    let peer: Peer | undefined;
    for (const work of works) {
      try {
        peer ??= await open(name);
        rows.push(...(await compare(gpu, peer, work, options.seconds)));
        if (options.json) writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`);
      } catch (error) {
        problems.push(`${work.name}, ${name}: ${error instanceof Error ? error.message : error}`);
        peer?.close();
        peer = undefined;
        if (error instanceof UnavailableError) break;
      }
    }
    peer?.close();
  }
  gpu.destroy();
  if (rows.length > 0) console.log(format(rows));
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
    const modes: readonly Mode[] = peer.name === "pytorch" ? ["as-shipped"] : ["as-shipped", "throttled"];
    const rows: Row[] = [];
    for (const mode of modes) rows.push(await race(peer, work, ours, mode, seconds));
    return rows;
  } finally {
    ours.free();
  }
}

async function check(
  peer: Peer,
  work: Work,
  inputs: Readonly<Record<string, Values>>,
  ours: Prepared,
): Promise<void> {
  const different = difference(work, inputs, ours.outputs, await peer.prepare(work, inputs));
  if (different) throw new Error(`the results are not the same: ${different}`);
}

const leastSampleMs = 60;
const fewestSamples = 3;
const mostSamples = 9;

/** Times both sides in turns, so that what else the machine does hits both alike. */
async function race(peer: Peer, work: Work, ours: Prepared, mode: Mode, seconds: number): Promise<Row> {
  const time = {
    ours: (repeats: number) => timeOurs(ours, repeats),
    peer: (repeats: number) => peer.time(repeats, mode === "throttled"),
  };
  const repeatsFor = (ms: number) => Math.max(1, Math.min(200, Math.round(leastSampleMs / ms)));
  const oursRepeats = repeatsFor(await time.ours(1));
  const began = performance.now();
  const first = await time.peer(1);
  const peerRepeats = repeatsFor(first);
  const isSlow = first > seconds * 1000;
  const samples: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
  while (samples.ours.length < mostSamples) {
    samples.ours.push(await time.ours(oursRepeats));
    samples.peer.push(isSlow ? first : await time.peer(peerRepeats));
    const isLate = performance.now() - began > seconds * 1000;
    if (isSlow || (isLate && samples.ours.length >= fewestSamples)) break;
  }
  const [oursMs, peerMs] = [medianOf(samples.ours), medianOf(samples.peer)];
  const row: Row = {
    ...{ work: work.name, peer: peer.name, mode, oursMs, peerMs, ratio: peerMs / oursMs },
    ...{ oursSpread: spreadOf(samples.ours), peerSpread: spreadOf(samples.peer) },
    samples: samples.ours.length,
  };
  console.error(`${row.work}, ${row.peer} ${mode}: ${row.ratio.toFixed(2)}`);
  return row;
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

await runCommand(() => main(command.opts<Options>()));
