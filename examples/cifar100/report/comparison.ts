/** The page that lays several runs over each other. */
import { clock } from "../console.ts";
import { colours, digits, drawCharts, percent, swatch } from "./charts.ts";
import { bestOf, chartsOfRuns, isDashed, medianOf } from "./curves.ts";
import { documentOf, pairs, scrolling } from "./document.ts";
import { type Html, type HtmlValue, html } from "./html.ts";
import { type LogRow, numberOf, type RunData } from "./run-data.ts";

export interface ComparedRun {
  readonly name: string;
  readonly log: readonly LogRow[];
  readonly data: RunData | undefined;
}

export async function comparisonOf(runs: readonly ComparedRun[]): Promise<string> {
  const title = `${runs.length} runs compared`;
  const charts = await drawCharts(chartsOfRuns(runs, colours));
  const { same, different } = settingsOf(runs);
  const isSynthetic = runs.some(({ data }) => data?.dataset.synthetic);
  return documentOf(
    title,
    html`
    <header><h1>${title}</h1></header>
    <main>
    ${isSynthetic && html`<p class="notice">Runs on the synthetic data set are among these: their accuracies say nothing about photographs.</p>`}
    <h2>Results</h2>
    ${scrolling("Results", resultTable(runs, different))}
    <h2>Curves</h2>
    <div class="charts">${charts}</div>
    ${Object.keys(same).length > 0 && html`<h2>Settings</h2>${pairs("What the runs have in common", same)}`}
    </main>`,
  );
}

function resultTable(runs: readonly ComparedRun[], different: ReadonlyMap<string, readonly string[]>): Html {
  const results: readonly (readonly [string, (run: ComparedRun) => HtmlValue])[] = [
    ["Epochs", ({ log }) => numberOf(log.at(-1), "epoch")],
    ["Accuracy", ({ log }) => percent(numberOf(log.at(-1), "validation/main/accuracy"))],
    ["Best", ({ log }) => percent(bestOf(log).accuracy)],
    ["Loss", ({ log }) => digits(numberOf(log.at(-1), "validation/main/loss"))],
    ["Images/s", ({ log }) => digits(medianOf(log, "images_per_second"))],
    ["Duration", ({ log }) => clock(numberOf(log.at(-1), "elapsed_time"))],
  ];
  const names = [...results.map(([name]) => name), ...different.keys()];
  const rows = runs.map((run, k) => {
    const measured = results.map(([, value]) => (run.log.length > 0 ? value(run) : "none yet"));
    const settings = [...different.values()].map((values) => values[k] ?? "");
    const cells = [...measured, ...settings].map((value) => html`<td class="number">${value}</td>`);
    return html`<tr><th scope="row">${swatch(k, isDashed(k, colours))}${run.name}</th>${cells}</tr>`;
  });
  return html`
    <table>
      <caption>Accuracy and loss on the test set after the last epoch; images per second: median of the epochs.</caption>
      <thead><tr><th scope="col">Run</th>${names.map((name) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
      <tbody>${rows}</tbody>
    </table>`;
}

/** Settings that all runs share, and those that differ with each run's value. */
function settingsOf(runs: readonly ComparedRun[]) {
  const all = runs.map(({ data }): Record<string, string> => {
    if (!data) return {};
    const { settings, environment, dataset } = data;
    const entries = Object.entries(settings).map(([key, value]) => [key, String(value)] as const);
    return { data: dataset.name, ...Object.fromEntries(entries), ...environment };
  });
  const same: Record<string, string> = {};
  const different = new Map<string, readonly string[]>();
  for (const key of new Set(all.flatMap((settings) => Object.keys(settings)))) {
    const values = all.map((settings) => settings[key] ?? "unknown");
    const [first = ""] = values;
    if (values.every((value) => value === first)) same[key] = first;
    else different.set(key, values);
  }
  return { same, different };
}
