/**
 * `npm run report -- RESULT_DIR...`: makes a run's `report.html` and `log.csv` again, or lays several runs over each other in one page.
 * Exit status 0 done, 1 failed, 2 wrong usage; a failure is one line.
 */
import { basename, join, relative, resolve } from "node:path";
import { Command, CommanderError } from "commander";
import { writeFileWhole } from "wgrad/node";
import { fromCallersFolder } from "./options.ts";
import { type Chart, colours } from "./report/charts.ts";
import { comparisonOf } from "./report/comparison.ts";
import { csvOf } from "./report/csv.ts";
import { chartsOfRun, chartsOfRuns } from "./report/curves.ts";
import { readRun } from "./report/folder.ts";
import { pageOf } from "./report/page.ts";
import { pictureOf } from "./report/picture.ts";
import { withoutImages } from "./report/run-data.ts";

const command = new Command("npm run report --")
  .description("Writes a page about a run, or one that compares several.")
  .argument("<folder...>", "what 'npm run cifar100' wrote to (--out)")
  .option("-o, --out <file>", "the page (default: report.html in the folder; comparison.html for several)")
  .option("--without-images", "leave out all images of the data set")
  .option("--picture <file>", "draw the curves into an SVG file as well")
  .helpOption("-h, --help", "show this help")
  .exitOverride()
  .configureOutput({ writeErr: () => {} });

interface Options {
  readonly out?: string;
  readonly withoutImages?: boolean;
  readonly picture?: string;
}

try {
  command.parse(process.argv.slice(2), { from: "user" });
  process.stdout.write(`${await report(command.args, command.opts<Options>())}\n`);
} catch (error) {
  if (!(error instanceof CommanderError && error.exitCode === 0)) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`report: ${message.split("\n")[0]?.replace(/^error: /, "")}\n`);
    process.exitCode = error instanceof CommanderError ? 2 : 1;
  }
}

/** @returns the path of the page */
async function report(folders: readonly string[], options: Options): Promise<string> {
  const { out, picture } = options;
  const paths = [...new Set(folders.map((folder) => resolve(fromCallersFolder(folder))))];
  const runs = await Promise.all(paths.map(readRun));
  const [only] = runs;
  const [folder = ""] = paths;
  if (runs.length === 1 && only) {
    const file = fromCallersFolder(out ?? join(folder, "report.html"));
    await writeFileWhole(join(folder, "log.csv"), csvOf(only.log));
    const shown = only.data && options.withoutImages ? withoutImages(only.data) : only.data;
    await writeFileWhole(file, await pageOf(shown, only.log, basename(folder)));
    if (picture !== undefined) await writePicture(picture, chartsOfRun(only.log));
    return file;
  }
  const file = fromCallersFolder(out ?? "comparison.html");
  const compared = runs.map((run, k) => ({ ...run, name: shortened(paths[k] ?? "", paths) }));
  await writeFileWhole(file, await comparisonOf(compared));
  if (picture !== undefined) await writePicture(picture, chartsOfRuns(compared, colours));
  return file;
}

async function writePicture(file: string, charts: readonly Chart[]): Promise<void> {
  await writeFileWhole(fromCallersFolder(file), await pictureOf(charts));
}

/** The folder's name, or as much of its path as tells it from the others. */
function shortened(path: string, all: readonly string[]): string {
  const name = basename(path);
  return all.filter((other) => basename(other) === name).length === 1
    ? name
    : relative(fromCallersFolder("."), path) || path;
}
