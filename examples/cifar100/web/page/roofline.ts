/** Kernels under the roof of the device: speed by operations per byte, both logarithmic. */
import type { BenchResult, BenchRow } from "../protocol.ts";
import { axis, Chart, tooltip } from "./chart.ts";
import { type Child, el } from "./dom.ts";
import { digits, milliseconds } from "./format.ts";

const symbols = ["circle", "diamond", "triangle", "rect"] as const;
const marks: Readonly<Record<(typeof symbols)[number], string>> = {
  circle: "●",
  diamond: "◆",
  triangle: "▲",
  rect: "■",
};
const colours = 8;

export class Roofline {
  readonly #chart = new Chart("Roofline", { tall: true, legend: true });
  readonly element = this.#chart.element;

  show({ peaks, rows }: BenchResult): void {
    const families = [...new Set(rows.map(({ family }) => family))];
    const { lowest, highest, floor } = rangeOf(rows);
    this.#chart.show(
      (theme) => {
        const logarithmic = { ...axis(theme), type: "log" };
        return {
          grid: { left: 64, right: 20, top: 16, bottom: 52 },
          tooltip: { ...tooltip(theme), formatter: ({ data }: { data: unknown }) => rowInWords(data, rows) },
          xAxis: { ...logarithmic, name: "operations per byte", nameGap: 30, min: lowest, max: highest },
          yAxis: { ...logarithmic, name: "GFLOP/s", nameGap: 44, min: floor },
          series: [
            {
              ...{ type: "line", name: "roof", symbol: "none", silent: true, animation: false },
              lineStyle: { color: theme.muted, width: 2 },
              data: roofOf(peaks, lowest, highest),
            },
            ...families.map((family, k) => ({
              ...{ type: "scatter", name: family, symbol: symbolOf(k), symbolSize: 10 },
              itemStyle: { color: theme.curves[k % colours], opacity: 0.9 },
              data: rows.flatMap((row, at) =>
                row.family === family ? [[row.intensity, row.gflops, at]] : [],
              ),
            })),
          ],
        };
      },
      describe(peaks, rows),
      families.map(legendEntry),
    );
  }
}

function legendEntry(family: string, k: number): Child {
  return el("li", {}, el("span", { class: "mark", "data-colour": k % colours }, marks[symbolOf(k)]), family);
}

function symbolOf(k: number): (typeof symbols)[number] {
  return symbols[Math.floor(k / colours + k) % symbols.length] ?? "circle";
}

/** The roof's corners, from one intensity to another. */
export function roofOf(
  { gflops, gigabytesPerSecond }: BenchResult["peaks"],
  lowest: number,
  highest: number,
): (readonly [intensity: number, gflops: number])[] {
  const ridge = gflops / gigabytesPerSecond;
  const corners = [lowest, ridge, highest].filter((at) => at >= lowest && at <= highest);
  return corners.map((at) => [at, Math.min(gflops, at * gigabytesPerSecond)]);
}

/** Whole powers of ten around all points. */
export function rangeOf(rows: readonly Pick<BenchRow, "intensity" | "gflops">[]): {
  readonly lowest: number;
  readonly highest: number;
  readonly floor: number;
} {
  const down = (value: number) => 10 ** Math.floor(Math.log10(value));
  const intensities = rows.map(({ intensity }) => intensity).filter((value) => value > 0);
  const speeds = rows.map(({ gflops }) => gflops).filter((value) => value > 0);
  return {
    lowest: down(Math.min(0.1, ...intensities)),
    highest: 10 ** Math.ceil(Math.log10(Math.max(100, ...intensities))),
    floor: down(Math.min(1, ...speeds)),
  };
}

function rowInWords(data: unknown, rows: readonly BenchRow[]): string {
  const row = Array.isArray(data) ? rows[Number(data[2])] : undefined;
  if (!row) return "";
  const { name, ms, gflops, gigabytesPerSecond, percentOfRoof } = row;
  return `${name}\n${milliseconds(ms)}, ${digits(gflops)} GFLOP/s, ${digits(gigabytesPerSecond)} GB/s, ${digits(percentOfRoof)} % of the roof`;
}

function describe({ gflops, gigabytesPerSecond }: BenchResult["peaks"], rows: readonly BenchRow[]): string {
  return `${rows.length} kernels under a roof of ${digits(gflops)} GFLOP/s and ${digits(gigabytesPerSecond)} GB/s. The table has the numbers.`;
}
