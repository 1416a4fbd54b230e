/** Before the first step: adapter, data, model, report. */
import { data, type Gpu, MemoryError } from "wgrad";
import type { Console } from "./console.ts";
import { type DataRequest, findData, howToGet, titleOf } from "./dataset.ts";
import type { Options } from "./options.ts";
import { makePlan, normalizationFor, type Plan } from "./plan.ts";
import { RunReport } from "./report/run-report.ts";
import { newSettings, type RunSettings, type SavedSettings } from "./settings.ts";
import { quoted } from "./shown.ts";
import { count } from "./summary.ts";

/** Everything that a run needs before its first step. */
export interface Prepared {
  readonly gpu: Gpu;
  readonly options: Options;
  readonly settings: SavedSettings;
  readonly set: data.DataSet;
  readonly screen: Console;
  readonly report: RunReport;
  readonly plan: Plan;
}

/** @param saved the settings of the run to go on with @throws Error if the data isn't that run's */
export async function prepare(
  gpu: Gpu,
  options: Options,
  saved: SavedSettings | undefined,
  screen: Console,
  signal: AbortSignal,
): Promise<Prepared> {
  const { name: adapter, isSoftware } = gpu.info;
  screen.line(`Adapter: ${adapter}${isSoftware ? " (software: computes on the CPU)" : ""}`);
  const start: RunSettings & Pick<SavedSettings, "normalization"> = saved ?? newSettings(options, isSoftware);
  const { normalization: earlier, ...settings } = start;
  const { trainLimit, testLimit } = settings;
  const request: DataRequest = { ...options, trainLimit, testLimit, signal, screen };
  const { name: dataset, source, isStandIn } = await findData(request, saved?.dataset);
  if (isStandIn) {
    screen.line("!! CIFAR-100 WAS NOT FOUND: training on a SYNTHETIC set of drawn shapes instead.");
    screen.line(`!! For the real one, ${howToGet("cifar100")}.`);
  }
  const normalization = earlier ?? normalizationFor(settings, source.train);
  const upload = dataset === "cifar10" ? data.cifar10 : data.cifar100;
  const set = await upload(gpu, source, {
    ...normalization,
    ...(trainLimit > 0 && { trainLimit }),
    ...(testLimit > 0 && { testLimit }),
  });
  const described = { ...settings, dataset, trainImages: set.train.count, testImages: set.test.count };
  const whole: SavedSettings = { ...described, ...(normalization && { normalization }) };
  if (saved && dataOf(saved) !== dataOf(whole))
    throw new Error(
      `the snapshot is of a run on ${dataOf(saved)}, but the data is ${dataOf(whole)}; resume with the same data`,
    );
  const report = new RunReport(options.out, {
    title: `${settings.recipe === "record" ? "VGG-fast" : "VGG"} on ${dataset === "synthetic" ? "the synthetic set" : titleOf(dataset)}`,
    command: ["npm run cifar100 --", ...process.argv.slice(2).map(quoted)].join(" "),
    epochs: settings.epochs,
    settings: { ...described, eager: options.eager === true },
    ...{ gpu, source, set },
    onTrouble: (message) => screen.line(`!! The report couldn't be written: ${message}`),
  });
  const plan = await makePlan(gpu, whole, set.train).catch((error) => {
    if (!(error instanceof MemoryError)) throw error;
    const problem = error.message.replace(/;.*/, "");
    throw new MemoryError(`${problem}; give a smaller --width than ${whole.width}`, { cause: error });
  });
  return { gpu, options, settings: whole, set, screen, report, plan };
}

function dataOf({ dataset, trainImages, testImages }: SavedSettings): string {
  return `${count(trainImages)} training and ${count(testImages)} test images of ${dataset}`;
}
