/** Curves over the epochs. */
import { axis, axisLabel, Chart, tooltip } from "./chart.ts";
import { type Child, el } from "./dom.ts";
import { digits, roundPercent } from "./format.ts";

export interface Curve {
  readonly name: string;
  /** Epoch, which may be a fraction, and value; what isn't finite is a gap. */
  readonly points: readonly (readonly [number, number])[];
  /** Its place among the colours. */
  readonly colour: number;
  readonly dashed?: boolean;
}

type Format = (value: number) => string;

/** How values stand on the ordinate; by default around the values, written as they are elsewhere. */
export interface Axis {
  readonly format?: Format;
  readonly min?: number;
  readonly max?: (range: { readonly max: number }) => number | undefined;
}

/** Of shares: from 0 to what five even steps reach, and never beyond the whole. */
export const shareAxis: Axis = { format: roundPercent, min: 0, max: ({ max }) => shareAbove(max) };

/** The end of an axis for shares up to `most`. */
export function shareAbove(most: number): number {
  return [0.05, 0.1, 0.25, 0.5].find((end) => most <= end) ?? 1;
}

const mostSymbols = 40;

export class CurveChart {
  readonly element: HTMLElement;
  readonly #title: string;
  readonly #format: Format;
  readonly #axis: Axis;
  readonly #chart: Chart;

  constructor(title: string, format: Format, axis: Axis = {}, legend = true) {
    this.#title = title;
    this.#format = format;
    this.#axis = axis;
    this.#chart = new Chart(title, { legend });
    this.element = this.#chart.element;
  }

  /** @param top where the axis ends if values go beyond; by default it shows them all */
  show(curves: readonly Curve[], top = Number.POSITIVE_INFINITY): void {
    const format = this.#format;
    const { format: axisFormat = format, min, max = cutAt(top) } = this.#axis;
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
          ...{
            type: "value",
            scale: true,
            splitNumber: 5,
            min,
            max,
          },
          axisLabel: { ...axisLabel(theme), formatter: axisFormat },
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

/** The axis's end, left to the chart where all fits in. */
function cutAt(top: number): Axis["max"] {
  return ({ max }) => (max > top ? top : undefined);
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
