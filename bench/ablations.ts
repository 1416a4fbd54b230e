/**
 * `npm run bench:ablations`: what each part of recipe `record` brings. Trains on a part of the set, at a part of the width, once with everything and once
 * without each part, and writes each run's log into a folder of its own: `npm run report -- FOLDER...` lays them over each other.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import { createGpu, data, type Gpu, train } from "wgrad";
import { loadCifar100 } from "wgrad/node";
import { fromCallersFolder } from "../examples/cifar100/options.ts";
import { recipes, type Settings } from "../examples/cifar100/recipes.ts";
import { type Part, parts, recordPlan } from "../examples/cifar100/record.ts";
import { listOf, nameOf, positive, runCommand } from "./command.ts";

interface Options {
  readonly data?: string;
  readonly images: number;
  readonly width: number;
  readonly epochs: number;
  readonly seeds: number;
  readonly only?: readonly string[];
  readonly out: string;
}

const command = new Command("bench:ablations")
  .description("Trains recipe record without each of its parts in turn.")
  .option("--data <path>", "CIFAR-100's archive or folder; without it the synthetic set", fromCallersFolder)
  .option("--images <n>", "training images", positive, 10_000)
  .option("--width <factor>", "of the model", positive, 0.5)
  .option("--epochs <n>", "of each run", positive, 6)
  .option("--seeds <n>", "runs of each", positive, 1)
  .option("--only <list>", `of: everything, ${parts.join(", ")}`, listOf(["everything", ...parts]))
  .option("--out <dir>", "where the logs go", fromCallersFolder, fromCallersFolder("build/ablations"))
  .parse();

interface Row {
  readonly name: string;
  readonly seed: number;
  /** Of all test images, 0 to 1. */
  readonly plain: number;
  readonly augmented: number;
  readonly seconds: number;
}

async function main({ data: path, images, width, epochs, seeds, only, out }: Options): Promise<number> {
  const gpu = await createGpu();
  const source =
    path === undefined ? data.syntheticCifar100({ trainCount: images }) : await loadCifar100(path);
  const set = await data.cifar100(gpu, source, {
    trainLimit: images,
    ...data.channelStatistics(source.train),
  });
  console.log(
    `${nameOf(gpu)}: ${set.train.name}, ${set.train.count} images, width ${width}, ${epochs} epochs`,
  );
  const wanted = ([undefined, ...parts] as const).filter(
    (part) => !only || only.includes(part ?? "everything"),
  );
  const rows: Row[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    for (const without of wanted) {
      rows.push(
        await run(gpu, { ...recipes.record, recipe: "record", width, epochs, seed }, set, without, out),
      );
      writeFileSync(
        join(out, "ablations.json"),
        `${JSON.stringify({ images, width, epochs, rows }, null, 2)}\n`,
      );
    }
  }
  gpu.destroy();
  console.log(format(rows));
  return 0;
}

async function run(
  gpu: Gpu,
  settings: Settings,
  set: data.DataSet,
  without: Part | undefined,
  out: string,
): Promise<Row> {
  const name = without ? `without ${without}` : "everything";
  const { epochs, batch, seed } = settings;
  const began = performance.now();
  const { model, optimizer, fit } = await recordPlan(gpu, settings, set.train, without);
  const { state } = await train.fit(model, optimizer, set, { ...fit, epochs, batch, seed });
  const { accuracy: augmented } = await train.evaluate(train.testTimeAugmentation(model), set.test, {
    batch,
  });
  const plain = state.log.at(-1)?.["validation/main/accuracy"] ?? Number.NaN;
  const folder = join(out, `${name.replaceAll(" ", "-")}-${seed}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "log"), `${JSON.stringify(state.log, null, 2)}\n`);
  const row: Row = { name, seed, plain, augmented, seconds: (performance.now() - began) / 1000 };
  console.error(
    `${name}, seed ${seed}: ${percent(plain)} plain, ${percent(augmented)} with test-time augmentation`,
  );
  return row;
}

/** Means over the seeds, beside those of the run with everything. */
function format(rows: readonly Row[]): string {
  const table = new Table({
    head: ["recipe", "plain %", "with test-time augmentation %", "difference", "s"],
    colAligns: ["left", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  const meanOf = (name: string, key: "plain" | "augmented" | "seconds") => {
    const own = rows.filter((row) => row.name === name);
    return own.reduce((sum, row) => sum + row[key], 0) / own.length;
  };
  for (const name of new Set(rows.map((row) => row.name))) {
    const [plain, augmented] = [meanOf(name, "plain"), meanOf(name, "augmented")];
    const difference = 100 * (augmented - meanOf("everything", "augmented"));
    table.push([
      name,
      percent(plain),
      percent(augmented),
      Number.isFinite(difference) ? difference.toFixed(1) : "",
      meanOf(name, "seconds").toFixed(0),
    ]);
  }
  return table.toString();
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}

await runCommand(() => main(command.opts<Options>()));
