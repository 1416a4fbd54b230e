/**
 * Curves by epoch as inline SVG, drawn by Apache ECharts without a DOM. Colours are the page's custom properties, so one drawing
 * serves light and dark; lines differ in dashes too.
 */
import type { EChartsOption } from "echarts";
import { Html, html } from "./html.ts";

export interface Curve {
  readonly name: string;
  /** Epoch and value; what isn't finite is a gap. */
  readonly points: readonly (readonly [number, number])[];
  /** Its place among the colours; the curves' order by default. */
  readonly colour?: number;
  readonly dashed?: boolean;
}

export interface Chart {
  readonly title: string;
  readonly curves: readonly Curve[];
  /** How values are written, with three digits by default. */
  readonly format?: (value: number) => string;
  /** Whether an epoch has its value from its beginning on. */
  readonly steps?: boolean;
  /** Whether the axis begins at 0 in any case. */
  readonly fromZero?: boolean;
}

export const colours = 8;
export const width = 440;
export const height = 260;
const mostSymbols = 40;
const label = { color: "var(--muted)", fontSize: 13 };

/** A figure for each chart. */
export async function drawCharts(charts: readonly Chart[]): Promise<Html[]> {
  const drawings = await drawCurves(charts);
  return charts.map((chart, k) => {
    const { title, curves } = chart;
    return html`
      <figure class="chart">
        <figcaption><h3>${title}</h3>${curves.length > 1 ? legend(curves) : ""}</figcaption>
        <svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${describe(chart)}">${drawings[k]}</svg>
      </figure>`;
  });
}

/** What is inside the SVG of each chart. */
export async function drawCurves(charts: readonly Chart[]): Promise<Html[]> {
  // Loaded when the first page is made: it takes half a second.
  const { init } = await import("echarts");
  return charts.map((chart) => {
    const drawing = init(null, null, { renderer: "svg", ssr: true, width, height });
    try {
      drawing.setOption(optionsOf(chart));
      return inside(drawing.renderToSVGString());
    } finally {
      drawing.dispose(); // its timer would keep the process
    }
  });
}

function optionsOf({ curves, format = digits, steps, fromZero }: Chart): EChartsOption {
  return {
    animation: false,
    silent: true,
    backgroundColor: "transparent",
    grid: { left: 56, right: 18, top: 12, bottom: 44 },
    xAxis: {
      type: "value",
      silent: true,
      name: "epoch",
      nameLocation: "middle",
      nameGap: 26,
      nameTextStyle: label,
      minInterval: 1,
      max: "dataMax",
      axisLine: { lineStyle: { color: "var(--line)" } },
      axisTick: { lineStyle: { color: "var(--line)" } },
      axisLabel: { ...label, hideOverlap: true },
      splitLine: { show: false },
    },
    yAxis: {
      type: "value",
      silent: true,
      scale: !fromZero,
      splitNumber: 4,
      axisLabel: { ...label, formatter: format },
      splitLine: { lineStyle: { color: "var(--grid)" } },
    },
    series: curves.map(({ name, points, colour, dashed }, k) => {
      const color = `var(--curve-${(colour ?? k) % colours})`;
      return {
        type: "line" as const,
        name,
        silent: true,
        emphasis: { disabled: true },
        step: steps ? ("start" as const) : false,
        showSymbol: points.length <= mostSymbols,
        symbol: "circle",
        symbolSize: 6,
        itemStyle: { color, borderWidth: 0 },
        lineStyle: { color, width: 2, type: dashed ? ([6, 4] as number[]) : ("solid" as const) },
        data: points.map(([x, y]) => [x, Number.isFinite(y) ? drawable(y) : null]),
      };
    }),
  };
}

/** ECharts fails at axes whose labels would need more than 20 digits. */
function drawable(value: number): number {
  return Math.abs(value) < 1e-12 ? 0 : value;
}

function legend(curves: readonly Curve[]): Html {
  const entries = curves.map(
    ({ name, colour, dashed }, k) => html`<li>${swatch(colour ?? k, dashed)}${name}</li>`,
  );
  return html`<ul class="legend">${entries}</ul>`;
}

/** A piece of the curve. */
export function swatch(colour: number, dashed = false): Html {
  return html`<span class="swatch${dashed ? " dashed" : ""}" style="color: var(--curve-${colour % colours})"></span>`;
}

/** What somebody who doesn't see the drawing is told. */
function describe({ title, curves, format = digits }: Chart): string {
  const parts = curves.map(({ name, points }) => {
    const [first, last] = [points[0], points.at(-1)];
    if (!first || !last) return `${name}: no epoch yet`;
    return `${name}: ${format(first[1])} at epoch ${first[0]}, ${format(last[1])} at epoch ${last[0]}`;
  });
  return `${title} by epoch. ${parts.join("; ")}.`;
}

/** The drawing without what only a file of its own or a mouse needs: name spaces, styles for hovering. */
function inside(svg: string): Html {
  const body = svg
    .replace(/^<svg[^>]*>|<\/svg>$/g, "")
    .replace(/<style\b[\s\S]*?<\/style>/g, "")
    .replace(/ (class|pointer-events|ecmeta_\w+)="[^"]*"/g, "");
  return new Html(body);
}

/** Three significant digits; thousands whole. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "not a number";
  const rounded = Number(value.toPrecision(3));
  return Math.abs(rounded) >= 1000 ? rounded.toLocaleString("en-US") : String(rounded);
}

/** 0 to 1 in per cent, with one digit after the point. */
export function percent(value: number): string {
  return Number.isFinite(value) ? `${(100 * value).toFixed(1)}\u00a0%` : "not a number";
}

/** The same for an axis: no digits that aren't needed. */
export function roundPercent(value: number): string {
  return `${digits(100 * value)}\u00a0%`;
}
