/** `npm run bench:compare A.json B.json`: tells regressions from noise. The rule stands in comparison.ts. */
import { readFileSync } from "node:fs";
import Table from "cli-table3";
import { Command } from "commander";
import { fromCallersFolder } from "../examples/cifar100/options.ts";
import { type Change, compareRuns, type Run, readRun } from "./comparison.ts";

const command = new Command("bench:compare")
  .description("Tells regressions from noise in two files that a benchmark wrote with --json.")
  .addHelpText("after", "\nExit status: 1 if a row became slower, 2 if the files can't be compared.")
  .argument("<before>", "JSON file of bench, bench:step or bench:peers")
  .argument("<after>", "JSON file of the same benchmark")
  .parse();

function main(before: string, after: string): number {
  const [a, b] = [readFile(before), readFile(after)];
  const changes = compareRuns(a, b).sort((x, y) => y.change - x.change);
  const count = (verdict: Change["verdict"]) => changes.filter((row) => row.verdict === verdict).length;
  const remarkable = changes.filter(({ verdict }) => verdict !== "noise");
  if (remarkable.length > 0) console.log(format(remarkable));
  const middle = changes[Math.floor(changes.length / 2)]?.change ?? 1;
  console.log(
    `${changes.length} rows compared: ${count("slower")} slower, ${count("faster")} faster, ${count("noise")} within noise; ` +
      `beside the machine's own change the median row takes x ${middle.toFixed(2)}`,
  );
  const missing = [...a.entries.keys()].filter((name) => !b.entries.has(name));
  if (missing.length > 0) console.log(`not in ${after}: ${missing.join(", ")}`);
  return count("slower") > 0 ? 1 : 0;
}

function readFile(file: string): Run {
  try {
    return readRun(JSON.parse(readFileSync(fromCallersFolder(file), "utf8")));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    throw new Error(`${file} isn't what a benchmark writes with --json: ${reason}`, { cause });
  }
}

function format(rows: readonly Change[]): string {
  const table = new Table({
    head: ["row", "time", "beyond the machine", "noise up to", ""],
    colAligns: ["left", "right", "right", "right", "left"],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, raw, change, limit, verdict } of rows)
    table.push([name, `x ${raw.toFixed(2)}`, `x ${change.toFixed(2)}`, `x ${limit.toFixed(2)}`, verdict]);
  return table.toString();
}

try {
  const [before = "", after = ""] = command.args;
  process.exitCode = main(before, after);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 2;
}
