/** `npm run bench`: every kernel over VGG's shapes and odd ones, checked first, then timed, beside the device's own peaks. */
import { writeFileSync } from "node:fs";
import Table from "cli-table3";
import { Command } from "commander";
import { createGpu, type Gpu } from "wgrad";
import { allCases } from "../src/kernels/all.cases.ts";
import type { KernelCase, ReferenceValues } from "../src/kernels/cases.ts";
import { firstError, runCase } from "../src/testing/run-case.ts";
import { nameOf, outputFile, runCommand } from "./command.ts";
import { type Cell, formatGrid, formatSpeed, speedLegend } from "./grid.ts";
import { describePeaks, PeakMeter, type Peaks } from "./peaks.ts";
import { plotRoofline } from "./plots.ts";
import { type Measured, timeCase } from "./time-case.ts";

interface Row extends Measured {
  /** The larger of the shares of the two peaks, in percent. */
  readonly percentOfPeak: number | null;
  /** Its place in the table of what's chosen. */
  readonly cell: KernelCase["chosen"] | null;
}

interface Options {
  readonly chosen: boolean;
  readonly quick: boolean;
  readonly odd: boolean;
  readonly json?: string;
  readonly plot?: string;
}

const command = new Command("bench")
  .description("Checks every kernel against float64, then times it beside the device's own peaks.")
  .argument("[filters...]", "only cases whose name holds all of these words, such as: conv2d 64->64")
  .option(
    "--chosen",
    "only what the families choose on this device, as a table: layers by direction, GFLOP/s and share of the arithmetic peak",
    false,
  )
  .option("--quick", "fewer and shorter samples", false)
  .option("--odd", "time the odd shapes too, not only check them", false)
  .option("--json <file>", "write the rows and the peaks to a file", outputFile)
  .option("--plot <file>", "draw a roofline plot of the kernels (SVG)", outputFile)
  .parse();

async function main(filters: readonly string[], options: Options): Promise<number> {
  const cases = allCases.filter(
    (kernelCase) =>
      filters.every((filter) => kernelCase.name.includes(filter)) && isWanted(kernelCase, options),
  );
  if (cases.length === 0) {
    console.error(`bench: no case's name holds ${filters.join(" and ")}`);
    return 2;
  }
  const gpu = await createGpu();
  const { subgroupSize } = gpu.info;
  const device = nameOf(gpu);
  console.log(`Device: ${device}, subgroup size ${subgroupSize || "varies"}`);
  const meter = new PeakMeter(gpu.device);
  await meter.measure();

  const sampling = options.quick ? { samples: 3, leastMs: 10, mostMs: 500 } : { mostMs: 1500 };
  const measured = new Map<KernelCase, Measured>();
  const wrong: string[] = [];
  const count = { cases: 0, elements: 0, references: 0 };
  const seconds = new Stopwatch();
  for (const [reference, group] of byProblem(cases)) {
    await meter.measureInBetween();
    // The references take longer than the kernels.
    let expected: ReferenceValues | undefined;
    for (const kernelCase of group) {
      if (kernelCase.skip?.(gpu.device) !== undefined) continue;
      expected ??= await seconds.of("references", reference);
      const known = expected;
      const error = await seconds.of("checks", () => check(gpu, kernelCase, known));
      count.cases += 1;
      count.elements += Object.values(expected).reduce((sum, { length }) => sum + length, 0);
      if (error) wrong.push(`${kernelCase.name}: ${error}`);
      else if (kernelCase.bench || options.odd)
        measured.set(
          kernelCase,
          await seconds.of("timing", () => timeCase(gpu.device, kernelCase, sampling)),
        );
    }
    if (expected) count.references += 1;
  }
  await meter.measure();
  const { peaks } = meter;
  gpu.destroy();

  const rows = cases.flatMap((kernelCase): Row[] => {
    const row = measured.get(kernelCase);
    return row ? [{ ...row, percentOfPeak: percentOf(peaks, row), cell: kernelCase.chosen ?? null }] : [];
  });
  console.log(describePeaks(peaks));
  const cells = rows.flatMap(({ name, cell, ms, gflops }): Cell[] => {
    const text = formatSpeed(ms, gflops, peaks.gflops);
    return cell ? [{ ...cell, family: name.split(/[_ ]/)[0] ?? "", text }] : [];
  });
  if (cells.length > 0) console.log(`${formatGrid(cells)}\n${speedLegend}`);
  const others = rows.filter(({ cell }) => cell === null);
  if (others.length > 0) console.log(format(others));
  console.log(
    `${count.cases} cases, of ${count.references} problems, checked against float64: every element of every output, ` +
      `${count.elements.toLocaleString("en")} in all, and the guard words around them; ${wrong.length} wrong`,
  );
  console.log(`Seconds: ${seconds}`);
  for (const line of wrong) console.error(`wrong, not timed: ${line}`);
  if (options.json)
    writeFileSync(options.json, `${JSON.stringify({ device: gpu.info, peaks, rows }, null, 2)}\n`);
  if (options.plot) writeFileSync(options.plot, plotRoofline(device, peaks, rows));
  return wrong.length > 0 ? 1 : 0;
}

/** Cases of what's chosen repeat those of a configuration; families with one configuration have no others. */
function isWanted({ chosen, problem, bench = false }: KernelCase, options: Options): boolean {
  if (!options.chosen) return chosen === undefined;
  return bench && (chosen !== undefined || problem === undefined);
}

/** Adds up how long parts of the run take. */
class Stopwatch {
  readonly #sums = new Map<string, number>();

  async of<T>(part: string, work: () => T | Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    this.#sums.set(part, (this.#sums.get(part) ?? 0) + (performance.now() - start) / 1000);
    return result;
  }

  toString(): string {
    return [...this.#sums].map(([part, sum]) => `${part} ${sum.toFixed(0)}`).join(", ");
  }
}

/** Cases that share inputs and reference, such as the configurations of a family, with that reference. */
function byProblem(cases: readonly KernelCase[]): [() => ReferenceValues, KernelCase[]][] {
  const groups = new Map<string, [() => ReferenceValues, KernelCase[]]>();
  for (const kernelCase of cases) {
    const { name, problem = name } = kernelCase;
    const group = groups.get(problem);
    if (group) group[1].push(kernelCase);
    else groups.set(problem, [() => kernelCase.reference(kernelCase.inputs()), [kernelCase]]);
  }
  return [...groups.values()];
}

async function check(
  gpu: Gpu,
  kernelCase: KernelCase,
  expected: ReferenceValues,
): Promise<string | undefined> {
  const { outputs, overrun } = await runCase(gpu.device, kernelCase);
  if (overrun.length > 0) return `writes around ${overrun.join(", ")}`;
  return firstError(kernelCase, outputs, expected);
}

function percentOf(peaks: Peaks, row: Measured): number | null {
  const share = Math.max(
    (row.gflops ?? 0) / peaks.gflops,
    (row.gigabytesPerSecond ?? 0) / peaks.gigabytesPerSecond,
  );
  return share > 0 ? 100 * share : null;
}

function format(rows: readonly Row[]): string {
  const table = new Table({
    head: ["kernel", "median ms", "± %", "samples", "GFLOP/s", "GB/s", "% of peak"],
    colAligns: ["left", "right", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) {
    table.push([
      row.name,
      row.ms.toPrecision(3),
      (100 * row.spread).toFixed(0),
      row.samples,
      row.gflops?.toPrecision(3) ?? "",
      row.gigabytesPerSecond?.toPrecision(3) ?? "",
      row.percentOfPeak?.toFixed(0) ?? "",
    ]);
  }
  return table.toString();
}

await runCommand(() => main(command.args, command.opts<Options>()));
