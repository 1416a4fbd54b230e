/**
 * A drawing of Apache ECharts in a figure: canvas renderer and tooltips drawn in the canvas, since the page's security policy forbids the
 * inline styles that ECharts' tooltips in HTML have. It follows its place's width and the reader's colour scheme, and draws only where
 * it can be seen.
 */
import type { EChartsCoreOption, EChartsType } from "echarts/core";
import { type Child, el, setAttribute } from "./dom.ts";

export type ChartOption = EChartsCoreOption;

/** The page's colours, which a canvas needs as values. */
export interface Theme {
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly grid: string;
  readonly card: string;
  readonly page: string;
  readonly heat: string;
  readonly curves: readonly string[];
}

const curveColours = 8;

export class Chart {
  readonly element: HTMLElement;
  readonly #plot = el("div", { class: "plot", role: "img" });
  readonly #legend: HTMLElement | undefined;
  #chart: EChartsType | undefined;
  #draw: ((theme: Theme, width: number) => ChartOption) | undefined;

  /** @param options `legend`: there will be one beside the title */
  constructor(title: string, { tall = false, legend = false } = {}) {
    this.#legend = legend ? el("ul", { class: "legend" }) : undefined;
    this.element = el(
      "figure",
      { class: tall ? "chart tall" : "chart" },
      title !== "" && el("figcaption", {}, el("h3", {}, title), this.#legend),
      this.#plot,
    );
    new ResizeObserver(() => this.#resize()).observe(this.#plot);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#redraw());
  }

  /** @param description what somebody who doesn't see the drawing is told */
  show(
    draw: (theme: Theme, width: number) => ChartOption,
    description: string,
    legend: readonly Child[] = [],
  ): void {
    this.#draw = draw;
    setAttribute(this.#plot, "aria-label", description);
    this.#legend?.replaceChildren(...legend.flatMap((entry) => (entry ? [entry] : [])));
    this.#redraw();
  }

  #resize(): void {
    if (this.#plot.clientWidth === 0) return;
    this.#chart?.resize();
    this.#redraw();
  }

  async #load(): Promise<void> {
    const { drawingIn } = await import("./drawing.ts");
    this.#chart ??= drawingIn(this.#plot);
    this.#redraw();
  }

  #redraw(): void {
    if (!this.#draw || this.#plot.clientWidth === 0) return; // in a hidden panel: ResizeObserver calls once it's seen
    if (!this.#chart) {
      void this.#load();
      return;
    }
    const option = this.#draw(currentTheme(), this.#plot.clientWidth);
    this.#chart.setOption(
      { animation: false, backgroundColor: "transparent", ...option },
      { replaceMerge: ["series"] }, // the rest stays, a tooltip that's being read too
    );
  }
}

function currentTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: colour("text"),
    muted: colour("muted"),
    line: colour("line"),
    grid: colour("grid"),
    card: colour("card"),
    page: colour("page"),
    heat: colour("heat"),
    curves: Array.from({ length: curveColours }, (_, k) => colour(`curve-${k}`)),
  };
}

/** A tooltip that is drawn in the canvas. */
export function tooltip({ card, line, text }: Theme): Record<string, unknown> {
  return {
    renderMode: "richText",
    confine: true,
    backgroundColor: card,
    borderColor: line,
    borderWidth: 1,
    textStyle: { color: text, fontSize: 13 },
    transitionDuration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.2,
  };
}

export function axisLabel({ muted }: Theme): Record<string, unknown> {
  return { color: muted, fontSize: 12, hideOverlap: true };
}

/** The look of an axis. */
export function axis(theme: Theme): Record<string, unknown> {
  return {
    nameLocation: "middle",
    nameTextStyle: { color: theme.muted, fontSize: 13 },
    axisLine: { lineStyle: { color: theme.line } },
    axisTick: { lineStyle: { color: theme.line } },
    axisLabel: axisLabel(theme),
    splitLine: { lineStyle: { color: theme.grid } },
  };
}
