/** Runs: all that there were, their curves over each other. */
import type { RunSummary } from "../../protocol.ts";
import { CurveChart, shareAxis, swatch } from "../curves.ts";
import { el, replaceKeepingFocus, whenChanged } from "../dom.ts";
import { digits, moment, percent } from "../format.ts";
import { lossTop } from "../run-points.ts";
import type { State } from "../state.ts";
import { widthInWords } from "./settings-form.ts";
import { button, emptyState, type MakeView, scrolling } from "./view.ts";

export const runsView: MakeView = (control) => {
  const charts = [
    ["Validation accuracy", percent, shareAxis, (run: RunSummary) => points(run, "validationAccuracy")],
    ["Validation loss", digits, {}, (run: RunSummary) => points(run, "validationLoss")],
    [
      "Training loss",
      digits,
      {},
      (run: RunSummary) => run.curve.map(({ epoch, loss }) => [epoch, loss] as const),
    ],
  ] as const;
  const drawings = charts.map(([title, format, axis, of]) => ({
    chart: new CurveChart(title, format, axis, false), // the table is the legend
    of,
  }));
  const curves = el("div", { class: "thirds" }, ...drawings.map(({ chart }) => chart.element));
  const body = el("tbody");
  const words = ["Compare", "Run", "Status"].map((head) => el("th", { scope: "col" }, head));
  const numbers = ["Epochs", "Width", "Batch", "Learning rate", "Best validation"].map((head) =>
    el("th", { scope: "col", class: "number" }, head),
  );
  const table = scrolling(
    "Runs",
    el("table", {}, el("thead", {}, el("tr", {}, ...words, ...numbers, el("td", {}))), body),
  );
  const nothing = emptyState(
    "Runs stay listed here, with their curves and snapshots.",
    "Start one in Train.",
  );
  const show = whenChanged((runs: readonly RunSummary[], compared: readonly string[], idle: boolean) => {
    const some = runs.length > 0;
    nothing.hidden = some;
    table.hidden = !some;
    const colours = new Map(runs.map(({ id }, k) => [id, runs.length - 1 - k]));
    const chosen = runs.filter(({ id }) => compared.includes(id));
    curves.hidden = chosen.length === 0;
    for (const { chart, of } of drawings) {
      const shown = chosen.map((run) => {
        const colour = colours.get(run.id) ?? 0;
        return { name: nameOf(run), points: of(run), colour, dashed: colour >= 8 };
      });
      chart.show(shown, lossTop(chosen));
    }
    const rows = runs.map((run) => row(run, colours.get(run.id) ?? 0, compared.includes(run.id), idle));
    replaceKeepingFocus(body, rows);
  });
  const row = (run: RunSummary, colour: number, shown: boolean, idle: boolean): HTMLElement => {
    const { id, title, started, status, settings, epochs, resumable } = run;
    const name = nameOf(run);
    const box = el("input", {
      ...{ type: "checkbox", "aria-label": `Compare ${name}` },
      onchange: () => control.dispatch({ type: "compare", run: id, shown: box.checked }),
    });
    box.checked = shown;
    const best = Math.max(...epochs.map(({ validationAccuracy }) => validationAccuracy));
    const done = epochs.at(-1)?.epoch ?? 0;
    const over = status === "finished";
    const remove = (): void => {
      if (confirm(`Delete “${name}” with its snapshots?`)) void control.delete(id);
    };
    return el(
      "tr",
      {},
      el("td", { class: "nowrap" }, box, " ", swatch(colour, colour >= 8)),
      el("th", { scope: "row" }, title, el("span", { class: "hint" }, moment(started))),
      el("td", {}, status),
      el("td", { class: "number" }, `${done} of ${settings.epochs}`),
      el("td", { class: "number" }, widthInWords(settings.width)),
      el("td", { class: "number" }, String(settings.batch)),
      el("td", { class: "number" }, digits(settings.lr)),
      el("td", { class: "number" }, percent(best)),
      el(
        "td",
        {},
        el(
          "div",
          { class: "buttons together" },
          button("Resume", () => void control.resume(id), {
            ...{ look: "compact", disabled: !idle || !resumable || over, "aria-label": `Resume ${name}` },
          }),
          button("Delete", remove, { look: "compact", disabled: !idle, "aria-label": `Delete ${name}` }),
        ),
      ),
    );
  };
  return {
    element: el("div", { class: "stack" }, nothing, table, curves),
    update: ({ runs, compared, status }: State) => show(runs, compared, status === "idle"),
  };
};

function points({ epochs }: RunSummary, what: "validationAccuracy" | "validationLoss") {
  return epochs.map((entry) => [entry.epoch, entry[what]] as const);
}

function nameOf({ title, started }: RunSummary): string {
  return `${title}, ${moment(started)}`;
}
