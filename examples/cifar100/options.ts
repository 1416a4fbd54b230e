/** The command line: Chainer's options and ours. Says what is wrong in one line, and knows nothing of GPUs. */
import { statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { train } from "wgrad";
import { type RecipeName, recipeNames } from "./recipes.ts";

/** What the user asked for; undefined where the recipe, or a snapshot, decides. */
export interface Options {
  readonly dataset?: DatasetName;
  readonly data?: string;
  /** From where; true for the authors' page. */
  readonly download?: string | true;
  /** Whether a set of one's own in the format will do. */
  readonly unofficial?: boolean;
  readonly recipe?: RecipeName;
  readonly batchsize?: number;
  readonly learnrate?: number;
  readonly halveEvery?: number;
  readonly epoch?: number;
  readonly width?: number;
  readonly seed?: number;
  readonly trainLimit?: number;
  readonly testLimit?: number;
  readonly earlyStopping?: EarlyStopping;
  readonly eager?: boolean;
  readonly checkNumerics?: boolean;
  /** Where the trace of a step goes. */
  readonly profile?: string;
  /** MiB. */
  readonly memory?: number;
  /** "auto", "list", a power preference or a part of an adapter's name. */
  readonly device: string;
  readonly out: string;
  readonly resume?: string;
  readonly evaluate?: string;
}

export const datasetNames = ["cifar10", "cifar100", "synthetic"] as const;
export type DatasetName = (typeof datasetNames)[number];

/** The metric that is watched. */
export type EarlyStopping = train.MetricName | "none";

/** Thrown for a command line that can't be followed: exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Where the set is looked for without `--data`. */
export const defaultDataFolder = "data";

/** Follows a command line. @returns false if help was asked for and printed. @throws UsageError for one that's wrong, in one line */
export function parseWith(command: Command, args: readonly string[]): boolean {
  try {
    command.parse(args, { from: "user" });
    return true;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return false;
    const message = error.message
      .replace(/^error: /, "")
      .replace(/\.$/, "")
      .replaceAll("\n", " ");
    throw new UsageError(`${message}; see --help`);
  }
}

/** @returns the options, or undefined if help was asked for and printed. @throws UsageError */
export function parseOptions(args: readonly string[]): Options | undefined {
  const command = describe();
  if (!parseWith(command, args)) return undefined;
  const { gpu, ...options } = command.opts<Options & { readonly gpu?: string }>();
  if (options.resume !== undefined && options.evaluate !== undefined)
    throw new UsageError("--resume goes on training and --evaluate doesn't train; give one of them");
  if (options.profile !== undefined && options.evaluate !== undefined)
    throw new UsageError("--profile measures a training step and --evaluate doesn't train; give one of them");
  if (options.dataset === "synthetic" && options.data !== undefined)
    throw new UsageError("--dataset synthetic reads no files; leave out --data or --dataset");
  if (options.download !== undefined && (options.data !== undefined || options.dataset === "synthetic"))
    throw new UsageError(
      "--download gets a real set; leave it out, or leave out --data and --dataset synthetic",
    );
  const { resume } = options;
  const isResumedFolder = resume !== undefined && statSync(resume, { throwIfNoEntry: false })?.isDirectory();
  const isElsewhere = command.getOptionValueSource("out") !== "default";
  return {
    ...options,
    ...(gpu !== undefined && { device: gpu }),
    ...(isResumedFolder && !isElsewhere && { out: resume }),
  };
}

function describe(): Command {
  return new Command("npm run cifar100 --")
    .usage("[options]")
    .description("Trains VGG on CIFAR-100 or CIFAR-10 with WebGPU.")
    .helpOption("-h, --help", "show this help")
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .allowExcessArguments(false)
    .addOption(
      new Option(
        "-d, --dataset <name>",
        "a real set or the synthetic one; by default cifar100 where it is found",
      ).choices(datasetNames),
    )
    .addOption(
      new Option(
        "--data <dir|tar>",
        `folder or archive of the set's binary version (default: "${defaultDataFolder}", or the cache folder, if it's there)`,
      ).argParser(pathOf),
    )
    .addOption(
      new Option(
        "--download [url]",
        "get the set from its authors' page (or a mirror) into the cache folder, unless it's there",
      ).argParser(webAddress),
    )
    .option("--unofficial", "take any images in the set's format, of whatever number")
    .addOption(
      new Option(
        "--recipe <name>",
        "chainer-2016: VGG as published, 300 epochs (default on a GPU); chainer-v7: its later form, batch 64 and rate 0.05; record: the most accuracy for the least work, 10 epochs of a smaller network; quick: quarter width, part of the set, a few minutes on a CPU (default there)",
      ).choices([...recipeNames]),
    )
    .option("-b, --batchsize <n>", "images a step", positiveInteger)
    .option("-l, --learnrate <rate>", "learning rate of the first epochs", positiveNumber)
    .option("--halve-every <n>", "epochs after which the learning rate is halved", positiveInteger)
    .option("-e, --epoch <n>", "epochs", positiveInteger)
    .option("--width <factor>", "scales every channel count; a multiple of 1/64", widthFactor)
    .option("--seed <n>", "decides weights, dropout and the order of the images", wholeNumber)
    .option("--train-limit <n>", "use the first n training images", positiveInteger)
    .option("--test-limit <n>", "use the first n test images", positiveInteger)
    .option(
      "--early-stopping <metric>",
      `stop once a metric hasn't improved for 3 epochs: ${train.metricNames.join(", ")}, or none`,
      metricOrNone,
    )
    .option("--eager", "run the model's code at each step, instead of a recording")
    .option(
      "--check-numerics",
      "stop at the first step with a NaN or infinity and say where it came from; slower",
    )
    .addOption(
      new Option(
        "--profile <file>",
        "after a few steps, say where the time and the memory of one go, and write its trace for chrome://tracing and Perfetto",
      ).argParser(pathOf),
    )
    .option(
      "--memory <mib>",
      "refuse to start a run that takes more memory on the adapter (default: all of the host's on a CPU, no limit on a GPU)",
      positiveInteger,
    )
    .addOption(
      new Option(
        "--device <adapter>",
        "auto, high-performance, low-power, or a part of an adapter's name; list prints the names",
      ).default("auto"),
    )
    .addOption(new Option("-g, --gpu <adapter>", "the same; 0 is the default adapter").argParser(deviceOfGpu))
    .addOption(
      new Option("-o, --out <dir>", "folder for log and snapshots (with --resume DIR: that folder)")
        .default(fromCallersFolder("result"), "result")
        .argParser(pathOf),
    )
    .addOption(
      new Option(
        "-r, --resume <dir|file>",
        "go on from the newest good snapshot of an output folder, or from a file, with its settings",
      ).argParser(pathOf),
    )
    .addOption(
      new Option("--evaluate <file>", "don't train: print a snapshot's test accuracy in %").argParser(pathOf),
    );
}

/** npm starts scripts in the package's folder and says in INIT_CWD where the user is. */
export function fromCallersFolder(path: string): string {
  return isAbsolute(path) ? path : resolve(process.env.INIT_CWD ?? process.cwd(), path);
}

/** An empty one comes from a variable that isn't set, and would be the folder that the user is in. */
export function pathOf(value: string): string {
  if (value !== "") return fromCallersFolder(value);
  throw new InvalidArgumentError("It must name a file or a folder.");
}

function deviceOfGpu(value: string): string {
  if (!/^-?\d+$/.test(value)) return value;
  if (value === "0") return "auto";
  throw new InvalidArgumentError(
    "WebGPU has no numbered devices: use 0, or a name that --device list prints (without a GPU the CPU is used anyway).",
  );
}

function metricOrNone(value: string): EarlyStopping {
  if (value === "none" || train.isMetricName(value)) return value;
  throw new InvalidArgumentError(`It must be ${train.metricNames.join(", ")} or none.`);
}

function webAddress(value: string): string {
  if (/^https?:$/.test(URL.canParse(value) ? new URL(value).protocol : "")) return value;
  throw new InvalidArgumentError("It must be an address that starts with https:// or http://.");
}

function wholeNumber(value: string): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && Number.isSafeInteger(number)) return number;
  throw new InvalidArgumentError("It must be a whole number.");
}

function positiveInteger(value: string): number {
  const number = wholeNumber(value);
  if (number > 0) return number;
  throw new InvalidArgumentError("It must be at least 1.");
}

function widthFactor(value: string): number {
  const width = positiveNumber(value);
  if (Number.isInteger(64 * width)) return width;
  throw new InvalidArgumentError("It must be a multiple of 1/64, such as 0.25.");
}

function positiveNumber(value: string): number {
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError("It must be a positive number.");
}
