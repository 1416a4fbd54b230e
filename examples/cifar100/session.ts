/** A run from data to summary: `trainRun`, and `evaluateRun` for a snapshot. */
import { join, relative } from "node:path";
import { createGpu, data, type Gpu, graphToDot, nn, optim, train } from "wgrad";
import { type LatestSnapshot, loadSnapshot, type SnapshotFolder, writeFileWhole } from "wgrad/node";
import type { Console } from "./console.ts";
import { type DataRequest, findData, howToGet, titleOf } from "./dataset.ts";
import { describeMemory, memoryLimit } from "./memory.ts";
import { fromCallersFolder, type Options } from "./options.ts";
import { RunReport } from "./report/run-report.ts";
import { newSettings, resumedSettings, type SavedSettings, savedSettings } from "./settings.ts";
import { findSnapshot, openOutput, refuseDiverged } from "./snapshots.ts";
import { count, summarize } from "./summary.ts";

/** Opens the adapter that was asked for. */
export function openGpu(
  { device }: Options,
  configurations: Readonly<Record<string, string>> = {},
): Promise<Gpu> {
  if (device === "auto") return createGpu({ configurations });
  if (device === "high-performance" || device === "low-power")
    return createGpu({ configurations, powerPreference: device });
  return createGpu({ configurations, adapter: device });
}

/**
 * Trains, new or resumed.
 * @returns false if the signal stopped it; then a snapshot was saved
 */
export async function trainRun(options: Options, signal: AbortSignal, screen: Console): Promise<boolean> {
  const resumed = options.resume === undefined ? undefined : await findSnapshot(options.resume);
  const info = resumed && train.describeRun(resumed.snapshot);
  const saved = info && resumedSettings(options, savedSettings(info));
  const gpu = await openGpu(options, info?.configurations);
  try {
    const session = await prepare(gpu, options, saved, screen, signal);
    if (resumed) train.restoreRun(resumed.snapshot, session.run);
    return await session.train(signal, resumed, info?.state);
  } finally {
    screen.end();
    gpu.destroy();
  }
}

/** The test accuracy of a snapshot, 0 to 1. */
export async function evaluateRun(options: Options, signal: AbortSignal): Promise<number> {
  const snapshot = await loadSnapshot(options.evaluate ?? "");
  const info = train.describeRun(snapshot);
  const saved = savedSettings(info);
  const gpu = await openGpu(options, info.configurations);
  try {
    const testLimit = options.testLimit ?? saved.testLimit;
    const request: DataRequest = { ...options, signal, trainLimit: 1, testLimit };
    const { test } = (await findData(request, saved.dataset)).source;
    const model = makeModel(gpu, saved, test.classes.length);
    train.restoreRun(snapshot, { model });
    const images = data.fromArrays(gpu, test, testLimit > 0 ? { limit: testLimit } : {});
    return (
      await train.evaluate(model, images, {
        batch: options.batchsize ?? saved.batch,
        eager: options.eager,
        signal,
      })
    ).accuracy;
  } finally {
    gpu.destroy();
  }
}

function makeModel(gpu: Gpu, { width, dropout, seed }: SavedSettings, classes: number): nn.Vgg {
  return nn.vgg(gpu, { classes, width, dropout, seed });
}

async function prepare(
  gpu: Gpu,
  options: Options,
  saved: SavedSettings | undefined,
  screen: Console,
  signal: AbortSignal,
): Promise<Session> {
  const { description, device, vendor, isSoftware } = gpu.info;
  const adapter = [description, device, vendor].find((name) => name !== "") ?? "unnamed";
  screen.line(`Adapter: ${adapter}${isSoftware ? " (software: computes on the CPU)" : ""}`);
  const settings = saved ?? newSettings(options, isSoftware);
  const { trainLimit, testLimit } = settings;
  const request: DataRequest = { ...options, trainLimit, testLimit, signal, screen };
  const { name: dataset, source, isStandIn } = await findData(request, saved?.dataset);
  if (isStandIn) {
    screen.line("!! CIFAR-100 WAS NOT FOUND: training on a SYNTHETIC set of drawn shapes instead.");
    screen.line(`!! For the real one, ${howToGet("cifar100")}.`);
  }
  const upload = dataset === "cifar10" ? data.cifar10 : data.cifar100;
  const set = await upload(gpu, source, {
    ...(trainLimit > 0 && { trainLimit }),
    ...(testLimit > 0 && { testLimit }),
  });
  const whole: SavedSettings = {
    ...settings,
    dataset,
    trainImages: set.train.count,
    testImages: set.test.count,
  };
  if (saved && (saved.dataset !== whole.dataset || saved.trainImages !== whole.trainImages))
    throw new Error(
      `the snapshot was trained on ${count(saved.trainImages)} images of ${saved.dataset}, but the data is ` +
        `${count(whole.trainImages)} of ${whole.dataset}; resume with the same data`,
    );
  const report = new RunReport(options.out, {
    title: `VGG on ${dataset === "synthetic" ? "the synthetic set" : titleOf(dataset)}`,
    command: ["npm run cifar100 --", ...process.argv.slice(2).map(quoted)].join(" "),
    epochs: settings.epochs,
    settings: { ...whole, eager: options.eager === true },
    ...{ gpu, source, set },
    onTrouble: (message) => screen.line(`!! The report couldn't be written: ${message}`),
  });
  return new Session(gpu, options, whole, set, screen, report);
}

class Session {
  readonly run: train.Run & { readonly model: nn.Vgg };
  readonly #gpu: Gpu;
  readonly #options: Options;
  readonly #settings: SavedSettings;
  readonly #set: data.DataSet;
  readonly #screen: Console;
  readonly #report: RunReport;
  #snapshots: SnapshotFolder | undefined;
  #graph: Promise<void> | undefined;

  constructor(
    gpu: Gpu,
    options: Options,
    settings: SavedSettings,
    set: data.DataSet,
    screen: Console,
    report: RunReport,
  ) {
    const model = makeModel(gpu, settings, set.train.classCount);
    const { lr } = settings;
    const optimizer = optim.sgd(model.parameters(), {
      lr,
      momentum: 0.9,
      weightDecay: 5e-4,
      rule: "chainer",
    });
    this.run = { model, optimizer };
    this.#gpu = gpu;
    this.#options = options;
    this.#settings = settings;
    this.#set = set;
    this.#screen = screen;
    this.#report = report;
  }

  async train(
    signal: AbortSignal,
    resumed: LatestSnapshot | undefined,
    start: train.TrainState | undefined,
  ): Promise<boolean> {
    const { batch, seed, epochs, lr, halveEvery, earlyStopping } = this.#settings;
    const screen = this.#screen;
    this.#snapshots = await openOutput(this.#options.out, this.#settings, resumed);
    await this.#writeLog(start?.log ?? []);
    this.#introduce(start);
    const seconds: train.EpochSeconds[] = [];
    let result: train.FitResult;
    try {
      result = await train.fit(this.run.model, this.run.optimizer, this.#set, {
        epochs,
        batch,
        seed,
        eager: this.#options.eager,
        checkNumerics: this.#options.checkNumerics,
        memoryLimit: memoryLimit(this.#options, this.#gpu),
        schedule: optim.stepDecay({ lr, every: halveEvery }),
        signal,
        stopWhen: earlyStopping === "none" ? undefined : train.earlyStopping({ metric: earlyStopping }),
        start,
        onGraph: (loss) => this.#writeGraph(graphToDot(loss)),
        onMemory: (need) => {
          screen.line(describeMemory(need, this.#gpu));
          this.#showTable(start);
        },
        onCompile: (done, total, kernel) => screen.compiling(done, total, kernel),
        onProgress: (progress) => screen.progress(progress),
        onLogits: this.#report.onLogits,
        onEpoch: async (entry, state, spent) => {
          seconds.push(spent);
          screen.row(entry);
          await this.#writeLog(state.log);
          await this.#save(`snapshot_epoch_${entry.epoch}.wgrad`, state);
          await this.#report.epoch(state.log);
        },
      });
      await this.#graph;
    } catch (error) {
      await this.#report.fail();
      throw this.#withLastSnapshot(error);
    }
    screen.end();
    if (!result.finished) {
      const name = `snapshot_iter_${result.state.iteration}.wgrad`;
      const file = await this.#save(name, result.state).catch((error) => {
        throw this.#withLastSnapshot(error);
      });
      await this.#report.end(false, result.state.log, this.run.model);
      screen.line(`Stopped at iteration ${result.state.iteration}. Go on with:`);
      screen.line(`  ${this.#resumeCommand(file)}`);
      return false;
    }
    if (result.stoppedEarly) screen.line(this.#whyEarly(result.state.log));
    else if (seconds.length === 0)
      screen.line(`The snapshot has all ${epochs} epochs already; --epoch sets more.`);
    if (seconds.length > 0) for (const line of summarize(this.#settings, seconds)) screen.line(line);
    await this.#report.end(true, result.state.log, this.run.model);
    screen.line(`Log, report.html and snapshots are in ${shown(this.#options.out)}`);
    return true;
  }

  #introduce(start: train.TrainState | undefined): void {
    const { recipe, batch, epochs, width, dropout, lr, dataset, trainImages, testImages } = this.#settings;
    const screen = this.#screen;
    const name = dataset === "synthetic" ? "SYNTHETIC, not CIFAR-100" : titleOf(dataset);
    screen.line(`# Data: ${name}, ${count(trainImages)} training and ${count(testImages)} test images`);
    screen.line(`# Recipe: ${recipe}, width ${width}, ${dropout ? "" : "no dropout, "}learning rate ${lr}`);
    screen.line(`# Minibatch-size: ${batch}`);
    screen.line(`# epoch: ${epochs}`);
    if (recipe === "quick") {
      screen.line("This is the quick recipe, on a part of the set. The published one:");
      const source = dataset === "cifar10" ? "--dataset cifar10 --data cifar-10-" : "--data cifar-100-";
      screen.line(`  npm run cifar100 -- --recipe chainer-2016 ${source}binary.tar.gz`);
    }
    if (start) screen.line(`Resumed at iteration ${start.iteration}, after ${start.epoch} epochs`);
  }

  #showTable(start: train.TrainState | undefined): void {
    this.#screen.line("");
    this.#screen.header();
    for (const entry of start?.log ?? []) this.#screen.row(entry);
  }

  /** Graphviz text of the model with its loss. */
  #writeGraph(dot: string): void {
    this.#graph = writeFileWhole(join(this.#options.out, "cg.dot"), dot);
    this.#graph.catch(() => {}); // it's thrown where it's awaited
  }

  #whyEarly(log: readonly train.LogEntry[]): string {
    const { earlyStopping: metric } = this.#settings;
    const best = metric === "none" ? undefined : train.bestEntry(log, metric);
    const since = log.length - (best?.epoch ?? 0);
    return (
      `Stopped early: ${metric} was best after epoch ${best?.epoch ?? "?"} and no better in the ${since} epochs since; ` +
      "--early-stopping none goes on."
    );
  }

  /** `log` is whole and valid JSON at every moment. */
  async #writeLog(log: readonly train.LogEntry[]): Promise<void> {
    const isSynthetic = this.#settings.dataset === "synthetic";
    const entries = log.map((entry) => (isSynthetic ? { ...entry, dataset: "synthetic" } : entry));
    await writeFileWhole(join(this.#options.out, "log"), `${JSON.stringify(entries, null, 2)}\n`);
  }

  async #save(name: string, state: train.TrainState): Promise<string> {
    const snapshot = await train.captureRun(this.#gpu, this.run, state, { ...this.#settings });
    refuseDiverged(snapshot);
    return this.#snapshots?.save(name, snapshot) ?? name;
  }

  /** What went wrong in terms of the command line, and what there is to go on from. */
  #withLastSnapshot(error: unknown): unknown {
    if (!(error instanceof Error)) return error;
    const { latest } = this.#snapshots ?? {};
    const message = error.message.replace("with checkNumerics", "with --check-numerics");
    const goOn = latest === undefined ? "" : `; the last snapshot is ${shown(latest)}`;
    return new Error(`${message}${goOn}`, { cause: error });
  }

  #resumeCommand(file: string): string {
    const { out, data: source, unofficial, epoch, device, memory } = this.#options;
    const parts = ["npm run cifar100 --", "--resume", quoted(shown(file)), "--out", quoted(shown(out))];
    if (source !== undefined) parts.push("--data", quoted(shown(source)));
    if (unofficial) parts.push("--unofficial");
    if (epoch !== undefined) parts.push("--epoch", String(epoch));
    if (memory !== undefined) parts.push("--memory", String(memory));
    if (device !== "auto") parts.push("--device", quoted(device));
    return parts.join(" ");
  }
}

/** A path as the user would type it. */
function shown(path: string): string {
  const near = relative(fromCallersFolder("."), path);
  return near === "" ? "." : near.startsWith("..") ? path : near;
}

function quoted(path: string): string {
  return /^[\w./\\:@%+,-]+$/.test(path) ? path : JSON.stringify(path);
}
