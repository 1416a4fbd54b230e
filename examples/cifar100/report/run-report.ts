/**
 * The report of a run under way: gathers what the page needs while the data set is at hand, and writes `log.csv`, `report.json` and
 * `report.html` after each epoch. Each file is whole at every moment.
 */
import { createRequire } from "node:module";
import { arch, cpus, release, type } from "node:os";
import { join } from "node:path";
import type { data, Gpu, train } from "wgrad";
import {
  type Answers,
  cifar100Superclasses,
  confusionMatrix,
  Predictions,
  predict,
  writeFileWhole,
} from "wgrad/node";
import { csvOf } from "./csv.ts";
import { pageOf } from "./page.ts";
import { type Images, samplesOf, sheetOf } from "./pictures.ts";
import type { AnswersData, DatasetData, Groups, RunData } from "./run-data.ts";

export interface RunDescription {
  readonly title: string;
  readonly command: string;
  readonly epochs: number;
  readonly settings: RunData["settings"];
  readonly gpu: Gpu;
  /** The images as they lie in the host's memory, and on the GPU, which may be fewer. */
  readonly source: data.TrainTest;
  readonly set: data.DataSet;
  /** Told once why the files couldn't be written: that stops no training. */
  readonly onTrouble: (message: string) => void;
}

const samplesEach = 14;

export class RunReport {
  readonly #folder: string;
  readonly #fixed: Omit<RunData, "status" | "written" | "answers">;
  readonly #test: Images;
  readonly #testOnGpu: data.GpuImages;
  readonly #predictions: Predictions;
  readonly #onTrouble: (message: string) => void;
  #troubled = false;
  #log: readonly train.LogEntry[] = [];
  #answers: AnswersData | undefined;

  constructor(folder: string, { gpu, source, set, onTrouble, ...description }: RunDescription) {
    this.#folder = folder;
    this.#test = part(source.test, set.test.count);
    this.#testOnGpu = set.test;
    this.#predictions = new Predictions(set.test.count);
    this.#onTrouble = onTrouble;
    this.#fixed = {
      version: 1,
      ...description,
      started: new Date().toISOString(),
      environment: environmentOf(gpu),
      dataset: describeDataset(source, set),
    };
  }

  /** For `fit`: what the validation under way answers. */
  get onLogits(): NonNullable<train.EvaluateOptions["onLogits"]> {
    return this.#predictions.add;
  }

  /** After an epoch, whose validation has gone through `onLogits`. */
  async epoch(log: readonly train.LogEntry[]): Promise<void> {
    this.#log = log;
    await this.#guarded(async () => {
      this.#take(await this.#predictions.read());
      await this.#write("running");
    });
  }

  /** At the end of `fit`. A run that had nothing left to train asks the model for its answers now. */
  async end(finished: boolean, log: readonly train.LogEntry[], model: train.Classifier): Promise<void> {
    this.#log = log;
    await this.#guarded(async () => {
      if (finished && !this.#answers) this.#take(await predict(model, this.#testOnGpu));
      await this.#write(finished ? "finished" : "stopped");
    });
  }

  /** After `fit` threw. */
  async fail(): Promise<void> {
    if (this.#answers) await this.#guarded(() => this.#write("stopped"));
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#troubled) this.#onTrouble(error instanceof Error ? error.message : String(error));
      this.#troubled = true;
    }
  }

  #take(answers: Answers): void {
    const epoch = this.#log.at(-1)?.epoch ?? 0;
    const { labels } = this.#test;
    const confusion = confusionMatrix(labels, answers.classes, this.#fixed.dataset.classes.length);
    this.#answers = { epoch, confusion, ...samplesOf(this.#test, answers, samplesEach) };
  }

  async #write(status: RunData["status"]): Promise<void> {
    const answers = this.#answers;
    const run: RunData = {
      ...this.#fixed,
      status,
      written: new Date().toISOString(),
      ...(answers && { answers }),
    };
    const { synthetic } = run.dataset;
    const rows = this.#log.map((entry) => ({ ...entry, ...(synthetic && { dataset: "synthetic" }) })); // as in `log`
    await writeFileWhole(join(this.#folder, "log.csv"), csvOf(rows));
    await writeFileWhole(join(this.#folder, "report.json"), JSON.stringify(run));
    await writeFileWhole(join(this.#folder, "report.html"), await pageOf(run, rows, this.#folder));
  }
}

function part({ images, labels }: data.ImageSet, count: number): Images {
  return { images, labels: labels.subarray(0, count), count };
}

function describeDataset({ train, test }: data.TrainTest, set: data.DataSet): DatasetData {
  const groups = groupsOf(test);
  return {
    name: train.name.replace(/ train$/, ""),
    synthetic: train.synthetic,
    trainImages: set.train.count,
    testImages: set.test.count,
    classes: train.classes,
    ...(groups && { groups }),
    sheet: sheetOf(part(train, set.train.count), train.classes.length),
  };
}

/** Superclasses, of sets that have coarse labels. */
function groupsOf({ coarse, classes, synthetic }: data.ImageSet): Groups | undefined {
  if (coarse.length === 0) return undefined;
  const ofClass = Array.from(cifar100Superclasses.ofClass);
  if (!synthetic) return { names: cifar100Superclasses.names, ofClass };
  // The synthetic set's are halves of what has one shape, the last word of a class's name.
  const names = cifar100Superclasses.names.map(
    (_, group) => `${classes[ofClass.indexOf(group)]?.split(" ").at(-1)} ${1 + (group % 2)}`,
  );
  return { names, ofClass };
}

function environmentOf(gpu: Gpu): Record<string, string> {
  const { name: adapter, isSoftware } = gpu.info;
  const { npm_package_version: version } = process.env;
  const processors = cpus();
  return {
    Adapter: `${adapter}${isSoftware ? " (software: computes on the processor)" : ""}`,
    Processor: `${processors[0]?.model.trim() ?? "unknown"}, ${processors.length} threads`,
    System: `${type()} ${release()}, ${arch()}`,
    ...(version !== undefined && { wgrad: version }),
    "Node.js": process.versions.node,
    webgpu: versionOf("webgpu"),
  };
}

function versionOf(name: string): string {
  const found: unknown = createRequire(import.meta.url)(`${name}/package.json`);
  const hasVersion = typeof found === "object" && found !== null && "version" in found;
  return hasVersion ? String(found.version) : "unknown";
}
