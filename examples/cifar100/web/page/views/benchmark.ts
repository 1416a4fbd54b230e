/** Benchmark: every kernel on this GPU, beside what the GPU can do. */
import type { BenchResult } from "../../protocol.ts";
import { el, setAttribute, setText, whenChanged } from "../dom.ts";
import { digits, milliseconds, percent } from "../format.ts";
import { Roofline } from "../roofline.ts";
import type { State } from "../state.ts";
import { bar, button, emptyState, figures, type MakeView, scrolling } from "./view.ts";

export const benchmarkView: MakeView = (control) => {
  const run = button("Run the benchmark", () => void control.benchmark(), {
    iconName: "play",
    look: "primary",
  });
  const end = button("Stop", () => void control.endBenchmark(), { iconName: "stop" });
  const copy = button("Copy as JSON", () => void copied(), { iconName: "copy" });
  const json = el("textarea", { readonly: true, rows: 8, "aria-label": "The result as JSON", hidden: true });
  const copied = async (): Promise<void> => {
    const { benchmark } = control.state;
    if (!benchmark) return;
    json.value = JSON.stringify(benchmark, null, 2);
    json.hidden = await control.copy(json.value);
    if (!json.hidden) json.select(); // no clipboard here: copy it by hand
  };
  const software = el(
    "p",
    {},
    "Here software plays the GPU: the peaks are those that it reaches on the processor, and whatever else runs there takes from them.",
  );
  const progress = el("progress", { class: "progress", max: 1, "aria-label": "Benchmark" });
  const line = el("p", { class: "muted small" });
  const peaks = figures(["Arithmetic, measured peak", "Memory, measured peak", "Kernels measured"] as const);
  const roofline = new Roofline();
  const body = el("tbody");
  const heads = ["Kernel", "Time", "±", "GFLOP/s", "GB/s", "Of the roof"];
  const table = scrolling(
    "Kernels",
    el(
      "table",
      {},
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          ...heads.map((head, k) => el("th", { scope: "col", class: k > 0 && "number" }, head)),
          el("td", { class: "bars" }),
        ),
      ),
      body,
    ),
    true,
  );
  const results = el("div", { class: "stack" }, peaks.element, roofline.element, table);
  const nothing = emptyState(
    "Measures matrix products, convolutions and their gradients on this GPU.",
    "It takes a minute or two; results stay here.",
  );
  const show = whenChanged((result: BenchResult | undefined) => {
    results.hidden = !result;
    if (!result) return;
    peaks.set({
      "Arithmetic, measured peak": `${digits(result.peaks.gflops)} GFLOP/s`,
      "Memory, measured peak": `${digits(result.peaks.gigabytesPerSecond)} GB/s`,
      "Kernels measured": String(result.rows.length),
    });
    roofline.show(result);
    body.replaceChildren(...result.rows.map(row));
  });
  return {
    element: el(
      "div",
      { class: "stack" },
      el(
        "div",
        { class: "card stack tight" },
        el(
          "p",
          {},
          "How fast the kernels are on this GPU, beside the peaks of its arithmetic and memory, measured in the same run.",
        ),
        software,
        el("div", { class: "buttons" }, run, end, copy),
        progress,
        line,
        json,
      ),
      nothing,
      results,
    ),
    update: ({ status, adapter, benchmark, benchmarking, pending }: State) => {
      show(benchmark);
      software.hidden = adapter?.isSoftware !== true;
      const going = pending.has("benchmark");
      run.disabled = going || (status !== "idle" && status !== "paused");
      end.hidden = !going;
      copy.hidden = !benchmark || going;
      progress.hidden = !going;
      line.hidden = !going;
      nothing.hidden = going || benchmark !== undefined;
      if (!going) return;
      const share =
        benchmarking && benchmarking.total > 0 ? benchmarking.done / benchmarking.total : undefined;
      setAttribute(progress, "value", share);
      setText(
        line,
        benchmarking
          ? `${benchmarking.done} of ${benchmarking.total}: ${benchmarking.name}`
          : "Measuring the peaks",
      );
    },
  };
};

function row({
  name,
  ms,
  spread,
  gflops,
  gigabytesPerSecond,
  percentOfRoof,
}: BenchResult["rows"][number]): HTMLElement {
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, name),
    el("td", { class: "number" }, milliseconds(ms)),
    el("td", { class: "number" }, percent(spread)),
    el("td", { class: "number" }, digits(gflops)),
    el("td", { class: "number" }, digits(gigabytesPerSecond)),
    el("td", { class: "number" }, percent(percentOfRoof / 100)),
    el("td", { class: "bars" }, bar(percentOfRoof / 100)),
  );
}
