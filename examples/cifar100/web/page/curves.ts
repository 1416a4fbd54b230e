/** Curves over the epochs. */
import { axis, axisLabel, Chart, tooltip } from "./chart.ts";
import { type Child, el } from "./dom.ts";
import { digits } from "./format.ts";

export interface Curve {
  readonly name: string;
  /** Epoch, which may be a fraction, and value; what isn't finite is a gap. */
  readonly points: readonly (readonly [number, number])[];
  /** Its place among the colours. */
  readonly colour: number;
  readonly dashed?: boolean;
}

type Format = (value: number) => string;

const mostSymbols = 40;

export class CurveChart {
  readonly element: HTMLElement;
  readonly #title: string;
  readonly #format: Format;
  readonly #axisFormat: Format;
  readonly #chart: Chart;

  /** @param axisFormat for the axis, where digits that aren't needed are in the way */
  constructor(title: string, format: Format, { axisFormat = format, legend = true } = {}) {
    this.#title = title;
    this.#format = format;
    this.#axisFormat = axisFormat;
    this.#chart = new Chart(title, { legend });
    this.element = this.#chart.element;
  }

  show(curves: readonly Curve[]): void {
    const format = this.#format;
    const symbols = curves.every(({ points }) => points.length <= mostSymbols);
    const last = Math.max(0, ...curves.map(({ points }) => points.at(-1)?.[0] ?? 0));
    this.#chart.show(
      (theme) => ({
        grid: { left: 52, right: 14, top: 12, bottom: 40 },
        tooltip: {
          ...tooltip(theme),
          trigger: "axis",
          valueFormatter: (value: unknown) => (typeof value === "number" ? format(value) : "–"),
          axisPointer: {
            lineStyle: { color: theme.line },
            label: { formatter: ({ value }: Pointed) => `epoch ${digits(Number(value))}` },
          },
        },
        xAxis: {
          ...axis(theme),
          ...{ type: "value", name: "epoch", nameGap: 24, min: 0, max: "dataMax" },
          axisLabel: { ...axisLabel(theme), showMaxLabel: Number.isInteger(last) },
          splitLine: { show: false },
        },
        yAxis: {
          ...axis(theme),
          ...{ type: "value", scale: true, splitNumber: 4 },
          axisLabel: { ...axisLabel(theme), formatter: this.#axisFormat },
        },
        series: curves.map(({ name, points, colour, dashed }) => {
          const color = theme.curves[colour % theme.curves.length];
          return {
            ...{ type: "line", name, symbol: "circle", symbolSize: 6, sampling: "lttb" },
            showSymbol: symbols,
            itemStyle: { color, borderWidth: 0 },
            lineStyle: { color, width: 2, type: dashed ? [6, 4] : "solid" },
            emphasis: { disabled: true },
            data: points.map(([x, y]) => [x, Number.isFinite(y) ? y : null]),
          };
        }),
      }),
      describe(this.#title, curves, format),
      curves.map(legendEntry),
    );
  }
}

function legendEntry({ name, colour, dashed }: Curve): Child {
  return el("li", {}, swatch(colour, dashed), name);
}

interface Pointed {
  readonly value: unknown;
}

/** A piece of the curve. */
export function swatch(colour: number, dashed = false): HTMLElement {
  return el("span", { class: dashed ? "swatch dashed" : "swatch", "data-colour": colour % 8 });
}

/** What somebody who doesn't see the curves is told: where they began and where they are. */
export function describe(title: string, curves: readonly Curve[], format: (value: number) => string): string {
  const parts = curves.map(({ name, points }) => {
    const [first, last] = [points[0], points.at(-1)];
    if (!first || !last) return `${name}: nothing yet`;
    return `${name}: ${format(first[1])} at epoch ${digits(first[0])}, ${format(last[1])} at epoch ${digits(last[0])}`;
  });
  return `${title} by epoch. ${parts.join("; ")}.`;
}
