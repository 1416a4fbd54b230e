/**
 * What memory a recorded VGG training step takes, next to what it must take, and to PyTorch's.
 *
 * Ours is counted in GPU buffers. PyTorch's tensors are added up by its profiler, which sees neither what an op allocates and frees inside nor
 * oneDNN's own memory; the process does, so its largest resident size above that before the model is given as well, for both
 * (a software adapter's buffers, and its compiler, are in ours).
 */
import { readFileSync, writeFileSync } from "node:fs";
import Table from "cli-table3";
import { createGpu, nn, optim, softmaxCrossEntropy, type Tensor } from "wgrad";
import { startPeer } from "./versus/peer.ts";
import { vggTraining } from "./versus/work.ts";

interface Row {
  readonly name: string;
  /** Buffers in existence, free ones included. */
  readonly bufferBytes?: number;
  /** Parameters, gradients, statistics, velocity, the batch, and the largest sum of other tensors alive at one moment. */
  readonly aliveBytes: number;
  /** If nothing shared memory. */
  readonly sumBytes?: number;
  readonly residentBytes?: number | undefined;
}

/** Prints the table. PyTorch is left out where it isn't installed. */
export async function reportMemory(batch: number): Promise<void> {
  const { row, parameters } = await measure(batch, false);
  const rows: Row[] = [row];
  const peer = startPeer("pytorch");
  if (typeof peer === "string") console.log(peer);
  else {
    console.log(await peer.open());
    const { residentBytes, tensorBytes } = await peer.vggMemory([batch, 32, 32, 3], parameters);
    rows.push({ name: "PyTorch, no dropout", aliveBytes: tensorBytes, residentBytes });
    peer.close();
  }
  rows.push((await measure(batch, true)).row);
  console.log(`VGG training step, width 1, batch ${batch}, MB\n${format(rows)}`);
}

/** Three recorded steps on a GPU of their own. */
async function measure(batch: number, dropout: boolean) {
  const gpu = await createGpu();
  const before = restartPeak();
  const model = nn.vgg(gpu, { width: 1, seed: 1, dropout });
  const optimizer = optim.sgd(model.parameters(), vggTraining);
  const parameters = model.parameters().map(({ shape }) => shape);
  const images = gpu.full([batch, 32, 32, 3], 0.1);
  const labels = gpu.tensor(new Int32Array(batch));
  const step = gpu.record((x: Tensor, y: Tensor) => {
    const loss = softmaxCrossEntropy(model.forward(x, { training: true }), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
  const lastingBytes = gpu.memory.usedBytes;
  for (let k = 0; k < 3; k++) await step(images, labels).item();
  const [recording] = step.recordings();
  const { peakBytes = 0, totalBytes = 0 } = recording?.memory ?? {};
  const row: Row = {
    name: `wgrad, recorded, ${dropout ? "dropout" : "no dropout"}`,
    bufferBytes: gpu.memory.bytes,
    aliveBytes: lastingBytes + peakBytes,
    sumBytes: lastingBytes + totalBytes,
    // Later ones find memory that the first left to the process.
    residentBytes: before !== undefined && !dropout ? peakResident() - before : undefined,
  };
  gpu.destroy();
  return { row, parameters };
}

/** Lets the peak start anew. @returns the resident bytes now, undefined where the system doesn't tell */
function restartPeak(): number | undefined {
  if (process.platform !== "linux") return undefined;
  writeFileSync("/proc/self/clear_refs", "5");
  return process.memoryUsage.rss();
}

function peakResident(): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return 1024 * Number(kibibytes);
}

function format(rows: readonly Row[]): string {
  const table = new Table({
    head: ["", "buffers", "alive at most", "ratio", "sum of all", "resident"],
    colAligns: ["left", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  const megabytes = (bytes?: number) => (bytes === undefined ? "" : (bytes / 1e6).toFixed(1));
  for (const { name, bufferBytes, aliveBytes, sumBytes, residentBytes } of rows) {
    const ratio = bufferBytes === undefined ? "" : (bufferBytes / aliveBytes).toFixed(3);
    const sizes = [aliveBytes, sumBytes, residentBytes].map(megabytes);
    table.push([name, megabytes(bufferBytes), sizes[0], ratio, sizes[1], sizes[2]]);
  }
  return table.toString();
}
