/** The page that lays several runs over each other. */
import { clock } from "../console.ts";
import { colours, digits, drawCharts, percent, swatch } from "./charts.ts";
import { bestOf, chartsOfRuns, isDashed, medianOf } from "./curves.ts";
import { documentOf, pairs, scrolling, worded } from "./document.ts";
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
    <p class="muted">Accuracy and loss on the test set after the last epoch; images per second: median of the epochs.</p>
    ${scrolling("Results", resultTable(runs))}
    <h2>Curves</h2>
    <div class="charts">${charts}</div>
    ${different.size > 0 && html`<h2>What differs</h2>${scrolling("What differs", differences(runs, different))}`}
    ${Object.keys(same).length > 0 && html`<h2>What they have in common</h2>${pairs("Settings, device and versions", same)}`}
    </main>`,
  );
}

function nameOf(run: ComparedRun, k: number): Html {
  return html`<span class="name">${swatch(k, isDashed(k, colours))}${run.name}</span>`;
}

function resultTable(runs: readonly ComparedRun[]): Html {
  const results: readonly (readonly [string, (run: ComparedRun) => HtmlValue])[] = [
    ["Epochs", ({ log }) => numberOf(log.at(-1), "epoch")],
    ["Accuracy", ({ log }) => percent(numberOf(log.at(-1), "validation/main/accuracy"))],
    ["Best", ({ log }) => percent(bestOf(log).accuracy)],
    ["Loss", ({ log }) => digits(numberOf(log.at(-1), "validation/main/loss"))],
    ["Images/s", ({ log }) => digits(medianOf(log, "images_per_second"))],
    ["Duration", ({ log }) => clock(numberOf(log.at(-1), "elapsed_time"))],
  ];
  const heads = results.map(([name]) => html`<th scope="col" class="number">${name}</th>`);
  const rows = runs.map((run, k) => {
    const cells = results.map(
      ([, value]) => html`<td class="number">${run.log.length > 0 ? value(run) : "none yet"}</td>`,
    );
    return html`<tr><th scope="row">${nameOf(run, k)}</th>${cells}</tr>`;
  });
  return html`
    <table>
      <thead><tr><th scope="col">Run</th>${heads}</tr></thead>
      <tbody>${rows}</tbody>
    </table>`;
}

function differences(runs: readonly ComparedRun[], different: ReadonlyMap<string, readonly string[]>): Html {
  const heads = runs.map((run, k) => html`<th scope="col">${nameOf(run, k)}</th>`);
  const rows = [...different].map(
    ([key, values]) =>
      html`<tr><th scope="row">${key}</th>${values.map((value) => html`<td>${value}</td>`)}</tr>`,
  );
  return html`
    <table>
      <thead><tr><th scope="col">Setting</th>${heads}</tr></thead>
      <tbody>${rows}</tbody>
    </table>`;
}

/** Settings that all runs share, and those that differ with each run's value. */
function settingsOf(runs: readonly ComparedRun[]) {
  const all = runs.map(({ data }): Record<string, string> => {
    if (!data) return {};
    const { settings, environment } = data;
    const entries = Object.entries(settings).map(([key, value]) => [worded(key), String(value)] as const);
    return { ...Object.fromEntries(entries), ...environment };
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
