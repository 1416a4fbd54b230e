/** A training run from data to summary. */
import { join } from "node:path";
import { type data, type Gpu, graphToDot, type Profile, train } from "wgrad";
import { type LatestSnapshot, type SnapshotFolder, writeFileWhole } from "wgrad/node";
import { openGpu } from "./adapter.ts";
import { type Console, clock } from "./console.ts";
import { titleOf } from "./dataset.ts";
import { describeMemory, memoryLimit } from "./memory.ts";
import type { Options } from "./options.ts";
import { outlook } from "./outlook.ts";
import { judged, type Plan } from "./plan.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { savePretrained } from "./pretrained.ts";
import type { RunReport } from "./report/run-report.ts";
import { resumedSettings, type SavedSettings, savedSettings } from "./settings.ts";
import { quoted, shown } from "./shown.ts";
import { findSnapshot, openSnapshots, refuseDiverged, withOutput } from "./snapshots.ts";
import { Speed } from "./speed.ts";
import { count, summarize } from "./summary.ts";

/**
 * Trains, new or resumed.
 * @returns false if the signal stopped it; then a snapshot was saved
 */
export function trainRun(options: Options, signal: AbortSignal, screen: Console): Promise<boolean> {
  return withOutput(options.out, () => trainInside(options, signal, screen));
}

async function trainInside(options: Options, signal: AbortSignal, screen: Console): Promise<boolean> {
  const resumed = options.resume === undefined ? undefined : await findSnapshot(options.resume);
  const info = resumed && train.describeRun(resumed.snapshot);
  const saved = info && resumedSettings(options, savedSettings(info));
  const gpu = await openGpu(options, info?.configurations);
  try {
    const session = new Session(await prepare(gpu, options, saved, screen, signal));
    if (resumed) train.restoreRun(resumed.snapshot, session.plan);
    return await session.train(signal, resumed, info?.state);
  } finally {
    screen.end();
    gpu.destroy();
  }
}

/** The last entry has what the whole run was judged by, where that's not the plain accuracy. */
interface JudgedEntry extends train.LogEntry {
  readonly "augmented/main/loss"?: number;
  readonly "augmented/main/accuracy"?: number;
}

/** Steps between two looks at the metrics, which tell how far the GPU is. */
const metricsEvery = 10;

class Session {
  readonly plan: Plan;
  readonly #gpu: Gpu;
  readonly #options: Options;
  readonly #settings: SavedSettings;
  readonly #set: data.DataSet;
  readonly #screen: Console;
  readonly #report: RunReport;
  readonly #speed: Speed;
  #snapshots: SnapshotFolder | undefined;
  /** The file that is being written. */
  #saving: Promise<string> | undefined;
  #graph: Promise<void> | undefined;
  #isForetold = false;
  #isProfiled = false;

  constructor({ gpu, options, settings, set, screen, report, plan }: Prepared) {
    this.plan = plan;
    this.#gpu = gpu;
    this.#options = options;
    this.#settings = settings;
    this.#set = set;
    this.#screen = screen;
    this.#report = report;
    this.#speed = new Speed(set.test.count);
  }

  async train(
    signal: AbortSignal,
    resumed: LatestSnapshot | undefined,
    start: train.TrainState | undefined,
  ): Promise<boolean> {
    const { batch, seed, epochs, earlyStopping } = this.#settings;
    const screen = this.#screen;
    this.#snapshots = await openSnapshots(this.#options.out, this.#settings, resumed);
    await this.#writeLog(start?.log ?? []);
    this.#introduce(start);
    const seconds: train.EpochSeconds[] = [];
    let result: train.FitResult;
    try {
      result = await train.fit(this.plan.model, this.plan.optimizer, this.#set, {
        ...this.plan.fit,
        epochs,
        batch,
        seed,
        metricsEvery,
        eager: this.#options.eager,
        checkNumerics: this.#options.checkNumerics,
        memoryLimit: memoryLimit(this.#options, this.#gpu),
        signal,
        stopWhen: earlyStopping === "none" ? undefined : train.earlyStopping({ metric: earlyStopping }),
        start,
        onGraph: (loss) => this.#writeGraph(graphToDot(loss)),
        onMemory: (need) => {
          screen.line(describeMemory(need, this.#gpu));
          this.#showTable(start);
        },
        onCompile: (done, total, kernel) => screen.compiling(done, total, kernel),
        onProgress: (progress) => this.#show(progress),
        onProfile: this.#options.profile === undefined ? undefined : (profile) => this.#writeProfile(profile),
        onLogits: this.#report.onLogits,
        onEpoch: async (entry, state, spent) => {
          seconds.push(spent);
          this.#speed.endEpoch(this.#set.train.count, entry.images_per_second);
          screen.row(entry);
          await this.#writeLog(state.log);
          await this.#beginToSave(`snapshot_epoch_${entry.epoch}.wgrad`, state);
          await this.#report.epoch(state.log);
        },
      });
      await this.#graph;
      await this.#saving;
    } catch (error) {
      await this.#saving?.catch(() => {}); // what went wrong first is what's told
      await this.#report.fail();
      throw this.#withLastSnapshot(error);
    }
    screen.end();
    if (result.finished && seconds.length === 0) this.#showTable(start);
    if (this.#options.profile !== undefined && !this.#isProfiled)
      screen.line("No profile was taken: it's of the fourth step, and this run had fewer.");
    if (!result.finished) {
      const name = `snapshot_iter_${result.state.iteration}.wgrad`;
      const file = await this.#beginToSave(name, result.state)
        .then(() => this.#saving ?? name)
        .catch((error) => {
          throw this.#withLastSnapshot(error);
        });
      await this.#report.end(false, result.state.log, this.plan.model);
      screen.line(`Stopped at iteration ${result.state.iteration}. Go on with:`);
      screen.line(`  ${this.#resumeCommand(file)}`);
      return false;
    }
    if (result.stoppedEarly) screen.line(this.#whyEarly(result.state.log));
    else if (seconds.length === 0)
      screen.line(`The snapshot has all ${epochs} epochs already; --epoch sets more.`);
    if (seconds.length > 0) for (const line of summarize(this.#settings, seconds)) screen.line(line);
    const log = await this.#judge(result.state.log, signal);
    await this.#saveModel(log);
    await this.#report.end(true, log, this.plan.model);
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

  #show(progress: train.Progress): void {
    const estimate = this.#speed.update(progress);
    this.#screen.progress(progress, estimate);
    if (this.#isForetold || !estimate) return;
    this.#isForetold = true;
    for (const line of outlook(this.#settings, estimate.imagesPerSecond)) this.#screen.line(line);
  }

  /** A recipe that judges its model by more than the images as they are does so once, after the last epoch. @returns the log with it */
  async #judge(log: readonly train.LogEntry[], signal: AbortSignal): Promise<readonly JudgedEntry[]> {
    const { model } = this.plan;
    const judge = judged(this.#settings, model);
    const last = log.at(-1);
    if (judge === model || !last) return log;
    this.#screen.line("Evaluating with test-time augmentation: six views of each image");
    const began = performance.now();
    const { batch } = this.#settings;
    const { loss, accuracy } = await train
      .evaluate(judge, this.#set.test, { batch, signal })
      .catch((error) => {
        const stopped = new Error("stopped before the trained model was judged; --resume goes on there", {
          cause: error,
        });
        throw this.#withLastSnapshot(signal.aborted ? stopped : error);
      });
    const elapsed_time = last.elapsed_time + (performance.now() - began) / 1000;
    const entry = { ...last, "augmented/main/loss": loss, "augmented/main/accuracy": accuracy, elapsed_time };
    const whole = [...log.slice(0, -1), entry];
    await this.#writeLog(whole);
    const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
    this.#screen.line(
      `Test accuracy: ${percent(accuracy)} with test-time augmentation, ${percent(last["validation/main/accuracy"])} plain, ` +
        `after ${clock(elapsed_time)}`,
    );
    return whole;
  }

  #showTable(start: train.TrainState | undefined): void {
    this.#screen.line("");
    this.#screen.header();
    for (const entry of start?.log ?? []) this.#screen.row(entry);
  }

  /** The trained model in a file that `--evaluate`, `npm run classify` and the web page take. */
  async #saveModel(log: readonly JudgedEntry[]): Promise<void> {
    const { recipe, width, seed, dataset, normalization } = this.#settings;
    const last = log.at(-1);
    const epochs = last?.epoch ?? 0; // fewer than was asked for where it stopped early
    const accuracyTta = last?.["augmented/main/accuracy"];
    const file = await savePretrained(this.plan.model, {
      ...{ model: recipe === "record" ? "vggFast" : "vgg", width, recipe, epochs, seed, dataset },
      classNames: this.#set.train.classNames,
      normalization: normalization ?? { mean: [0, 0, 0], std: [1, 1, 1] },
      accuracy: last?.["validation/main/accuracy"] ?? 0,
      ...(accuracyTta !== undefined && { accuracyTta }),
    });
    await writeFileWhole(join(this.#options.out, "model.safetensors"), file);
  }

  /** Graphviz text of the model with its loss. */
  #writeGraph(dot: string): void {
    this.#graph = writeFileWhole(join(this.#options.out, "cg.dot"), dot);
    this.#graph.catch(() => {}); // it's thrown where it's awaited
  }

  async #writeProfile(profile: Profile): Promise<void> {
    const { profile: file = "" } = this.#options;
    this.#isProfiled = true;
    for (const line of ["", ...profile.table().split("\n"), ""]) this.#screen.line(line);
    await writeFileWhole(file, profile.trace());
    this.#screen.line(`The step's trace is in ${shown(file)}: open it in chrome://tracing or Perfetto`);
    this.#screen.line("");
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

  /** Training goes on while the file is written, by `#saving`; what went wrong with the one before is thrown now. */
  async #beginToSave(name: string, state: train.TrainState): Promise<void> {
    const snapshot = await train.captureRun(this.#gpu, this.plan, state, { ...this.#settings });
    refuseDiverged(snapshot);
    await this.#saving;
    this.#saving = this.#snapshots?.save(name, snapshot);
    this.#saving?.catch(() => {}); // it's thrown where it's awaited
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
