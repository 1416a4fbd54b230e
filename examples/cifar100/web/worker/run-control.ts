/** Start, pause, resume, stop: the one run that's under way, and the list of all. */
import { data, type Gpu, train } from "wgrad";
import { makePlan, normalizationFor } from "../../plan.ts";
import type { RunSettings, RunSummary } from "../protocol.ts";
import type { Context } from "./context.ts";
import type { LiveModel } from "./models.ts";
import { problemOf, WorkerProblem } from "./problems.ts";
import type { LoadedData } from "./read-data.ts";
import { type RunRecord, summaryOf } from "./run-record.ts";
import { type LoadedRun, RunStore } from "./run-store.ts";
import { checkedRate, checkedSettings } from "./settings.ts";
import { TrainingRun } from "./training-run.ts";

type Ending = "paused" | "stopped";

export class RunControl {
  readonly #context: Context;
  readonly #store: RunStore;
  #run: TrainingRun | undefined;
  /** Ends when the run does. */
  #training: Promise<void> = Promise.resolve();
  #ending: Ending = "paused";

  constructor(context: Context) {
    this.#context = context;
    this.#store = new RunStore(context.files);
  }

  get current(): TrainingRun | undefined {
    return this.#run;
  }

  /** All runs, newest first; those that a page left running were interrupted. */
  async list(): Promise<RunSummary[]> {
    const live = this.#run;
    const runs: RunSummary[] = [];
    for (const { record, resumable } of await this.#store.list()) {
      if (record.id === live?.record.id) continue;
      const isLeft = record.status === "running";
      runs.push(summaryOf(isLeft ? { ...record, status: "interrupted" } : record, resumable));
    }
    if (live) runs.push(summaryOf(live.record, live.resumable));
    return runs.sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  async tell(): Promise<void> {
    this.#context.emit({ type: "runs", runs: await this.list() });
  }

  async start(page: RunSettings): Promise<{ run: string }> {
    const context = this.#context;
    context.require("Starting a run", "idle");
    const settings = checkedSettings(page);
    const loaded = context.data;
    if (!loaded) {
      const advice = "Drop or pick CIFAR-100, or take the synthetic set.";
      throw new WorkerProblem("busy", "There are no data yet.", advice);
    }
    const { train: trainSet, test } = loaded.sets;
    const limited = (count: number, limit: number) => (limit > 0 ? Math.min(count, limit) : count);
    const started = new Date().toISOString();
    const record: RunRecord = {
      version: 1,
      id: started.replaceAll(/[:.]/g, "-"),
      title: `${settings.recipe}, width ${settings.width}, ${loaded.name}`,
      started,
      status: "running",
      settings,
      dataset: {
        name: loaded.name,
        synthetic: trainSet.synthetic,
        trainImages: limited(trainSet.count, settings.trainLimit),
        testImages: limited(test.count, settings.testLimit),
      },
      normalization: normalizationFor(settings, trainSet),
      ...{ iteration: 0, epochs: [], curve: [], rateScale: 1 },
    };
    return this.#launch(record, loaded);
  }

  /** Ends when the run is where it was told to be. */
  async halt(ending: Ending): Promise<void> {
    const context = this.#context;
    const what = ending === "paused" ? "Pausing" : "Stopping";
    if (ending === "stopped" && context.status === "paused") {
      await this.#run?.end();
      await this.tell();
      context.status = "idle";
      return;
    }
    context.require(what, "preparing", "training", "validating");
    this.#ending = ending;
    context.status = "pausing";
    this.#run?.stop();
    return this.#training;
  }

  async resume(wanted: string | undefined): Promise<{ run: string }> {
    const context = this.#context;
    const paused = context.status === "paused" ? this.#run : undefined;
    if (paused && (wanted === undefined || wanted === paused.record.id)) {
      this.#go(paused);
      return { run: paused.record.id };
    }
    context.require("Resuming", "idle");
    const id = wanted ?? (await this.list()).find(({ resumable }) => resumable)?.id;
    const found = id === undefined ? undefined : await this.#store.load(id);
    if (!found) throw new WorkerProblem("invalid", "The run has no whole snapshot.", "Start a new run.");
    return this.#launch(found.record, await this.#dataFor(found.record), found);
  }

  setRate(lr: number): void {
    this.#context.require("Changing the learning rate", "preparing", "training", "validating", "paused");
    this.#run?.setRate(checkedRate(lr));
  }

  async delete(id: string): Promise<void> {
    if (id === this.#run?.record.id) {
      this.#context.require("Deleting this run", "idle");
      this.#leave();
    }
    await this.#store.remove(id);
    await this.tell();
  }

  /** The GPU is gone, and the run with it. */
  async lose(): Promise<void> {
    const run = this.#run;
    if (!run) return;
    this.#run = undefined;
    run.stop();
    if (run.record.status === "running") await run.fail("interrupted");
  }

  async #launch(record: RunRecord, loaded: LoadedData, found?: LoadedRun): Promise<{ run: string }> {
    const context = this.#context;
    this.#leave();
    const run = await context.during("preparing", async () => {
      const info = found && train.describeRun(found.snapshot);
      const gpu = await context.gpus.open(info?.configurations);
      try {
        return await this.#make(gpu, record, loaded, found);
      } catch (error) {
        context.gpus.close(gpu);
        throw error;
      }
    });
    this.#run = run;
    context.shelf.put(modelOf(run));
    this.#go(run);
    return { run: record.id };
  }

  async #make(gpu: Gpu, record: RunRecord, { sets }: LoadedData, found?: LoadedRun): Promise<TrainingRun> {
    const { settings, dataset, normalization } = record;
    const set = await data.cifar100(gpu, sets, {
      ...normalization,
      trainLimit: dataset.trainImages,
      testLimit: dataset.testImages,
    });
    const plan = await makePlan(gpu, settings, set.train);
    if (found) train.restoreRun(found.snapshot, plan);
    const context = this.#context;
    const run: TrainingRun = new TrainingRun({
      ...{ gpu, plan, set, record },
      test: sets.test,
      store: this.#store,
      start: found && train.describeRun(found.snapshot).state,
      emit: (event) => {
        if (run === this.#run) context.emit(event);
      },
      onStatus: (status) => {
        if (run === this.#run && context.status !== "pausing") context.status = status;
      },
      onTrouble: context.trouble,
    });
    return run;
  }

  #go(run: TrainingRun): void {
    this.#context.status = "preparing";
    this.#training = this.#train(run);
  }

  /** Trains until it's through or halted. The list of runs is told before the status, so whoever sees the status knows the run. */
  async #train(run: TrainingRun): Promise<void> {
    const context = this.#context;
    try {
      const telling = this.tell();
      const finished = await run.train(() => this.#ending);
      await telling;
      if (run !== this.#run) return;
      await this.tell();
      context.status = finished || this.#ending === "stopped" ? "idle" : "paused";
    } catch (error) {
      if (run !== this.#run) return; // its GPU was lost, which was told
      const problem = problemOf(error);
      await run.fail(problem.kind === "diverged" ? "stopped" : "interrupted");
      await this.tell();
      context.emit({ type: "problem", problem });
      context.status = "idle";
    }
  }

  /** Frees the last run's GPU. */
  #leave(): void {
    const run = this.#run;
    if (!run) return;
    this.#run = undefined;
    this.#context.shelf.remove("run");
    this.#context.gpus.close(run.gpu);
  }

  /** The data of a run, loaded if they can be. @throws WorkerProblem if they aren't here */
  async #dataFor({ dataset }: RunRecord): Promise<LoadedData> {
    const context = this.#context;
    const fits = (loaded: LoadedData | undefined): loaded is LoadedData =>
      loaded?.name === dataset.name &&
      loaded.sets.train.count >= dataset.trainImages &&
      loaded.sets.test.count >= dataset.testImages;
    if (fits(context.data)) return context.data;
    const { reader } = context;
    const loaded = await context.during("loading", async () =>
      dataset.synthetic ? reader.synthetic() : (await reader.stored()) ? reader.readStored() : undefined,
    );
    if (fits(loaded)) {
      context.useData(loaded);
      return loaded;
    }
    throw new WorkerProblem(
      "busy",
      `The run was trained on ${dataset.trainImages.toLocaleString("en")} images of ${dataset.name}, which aren't here.`,
      "Drop or pick the same data, then resume.",
    );
  }
}

function modelOf({ record, plan, gpu, test }: TrainingRun): LiveModel {
  return {
    kind: "run",
    title: record.title,
    gpu,
    model: plan.model,
    settings: record.settings,
    normalization: record.normalization,
    classes: test.classes,
    synthetic: record.dataset.synthetic,
  };
}
