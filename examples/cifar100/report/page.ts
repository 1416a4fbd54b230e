/** The page about one run. */
import { clock } from "../console.ts";
import { answersSection } from "./answers.ts";
import { digits, drawCharts, percent } from "./charts.ts";
import { bestOf, chartsOfRun, medianOf } from "./curves.ts";
import { documentOf, figures, pairs, scrolling, spoken, worded } from "./document.ts";
import { type Html, html } from "./html.ts";
import { type DatasetData, type LogRow, numberOf, type RunData } from "./run-data.ts";

/** @param data undefined where a folder has a log but no `report.json`: then the page has the curves only */
export async function pageOf(
  data: RunData | undefined,
  log: readonly LogRow[],
  folder: string,
): Promise<string> {
  const title = data?.title ?? `Run in ${folder}`;
  const charts = await drawCharts(chartsOfRun(log));
  return documentOf(
    title,
    html`
    <header>
      <h1>${title}</h1>
      ${data && html`<p class="muted">${statusOf(data, log)}</p>`}
    </header>
    <main>
    ${data?.dataset.synthetic && html`<p class="notice">The data set is synthetic: its accuracies say nothing about photographs.</p>`}
    ${figures(figuresOf(data, log))}
    <h2>Curves</h2>
    ${log.length === 0 ? html`<p class="muted">No epoch is through yet.</p>` : html`<div class="charts">${charts}</div>${logTable(log)}`}
    ${data && configuration(data)}
    ${data?.answers && answersSection(data.dataset, data.answers)}
    ${data && data.dataset.sheet.length > 0 && sheet(data.dataset)}
    </main>`,
  );
}

function statusOf({ status, started, written, epochs }: RunData, log: readonly LogRow[]): string {
  const at = (iso: string) => `${iso.slice(0, 16).replace("T", " ")} UTC`;
  const done = log.length === 0 ? "no epoch" : `epoch ${numberOf(log.at(-1), "epoch")}`;
  const words = { running: "Running", finished: "Finished", stopped: "Stopped" };
  return `${words[status]}: ${done} of ${epochs}. Started ${at(started)}, as of ${at(written)}.`;
}

function figuresOf(data: RunData | undefined, log: readonly LogRow[]): Record<string, string> {
  const last = log.at(-1);
  const best = bestOf(log);
  if (!last) return data ? { Epochs: `0 of ${data.epochs}` } : {};
  const augmented = numberOf(last, "augmented/main/accuracy");
  return {
    ...(Number.isFinite(augmented) && { "With test-time augmentation": percent(augmented) }),
    "Validation accuracy": percent(numberOf(last, "validation/main/accuracy")),
    "Best, at epoch": best.epoch > 0 ? `${percent(best.accuracy)}, ${best.epoch}` : "none",
    "Validation loss": digits(numberOf(last, "validation/main/loss")),
    Epochs: data ? `${numberOf(last, "epoch")} of ${data.epochs}` : String(numberOf(last, "epoch")),
    Duration: clock(numberOf(last, "elapsed_time")),
    "Images per second": digits(medianOf(log, "images_per_second")),
  };
}

function logTable(log: readonly LogRow[]): Html {
  const columns = [...new Set(log.flatMap((row) => Object.keys(row)))];
  const heads = columns.map((name) => html`<th scope="col" class="number">${name}</th>`);
  const rows = log.map((row) => {
    const cells = columns.map((name) => {
      const value = row[name];
      const text = typeof value === "number" ? Number(value.toPrecision(6)) : (value ?? "not a number");
      return html`<td class="number">${text}</td>`;
    });
    return html`<tr>${cells}</tr>`;
  });
  const table = html`<table><thead><tr>${heads}</tr></thead><tbody>${rows}</tbody></table>`;
  return html`<details><summary>The log as a table</summary>${scrolling("The log", table, true)}</details>`;
}

function configuration({ settings, environment, command, dataset }: RunData): Html {
  const { name, trainImages, testImages, classes } = dataset;
  const data = `${name}: ${digits(trainImages)} training and ${digits(testImages)} test images of ${classes.length} classes`;
  const entries = Object.entries(settings).map(([key, value]) => [worded(key), String(value)] as const);
  return html`
    <h2>Configuration</h2>
    <div class="columns">
      ${pairs("Settings", { Data: data, ...Object.fromEntries(entries) })}
      ${pairs("Device and versions", { ...environment, Command: html`<code>${command}</code>` })}
    </div>`;
}

/** The classes, by superclass where there are some. */
function sheet({ classes, groups, sheet: pictures }: DatasetData): Html {
  const entry = (label: number) => {
    const { count = 0, source = "" } = pictures[label] ?? {};
    const name = spoken(classes[label]);
    if (count === 0) return html`<li>${name} <span class="muted">(no image)</span></li>`;
    const alt = `${count} training image${count === 1 ? "" : "s"} of ${name}`;
    return html`<li><img src="${source}" width="${32 * count}" height="32" alt="${alt}">${name}</li>`;
  };
  const labels = classes.map((_, label) => label);
  const parts = groups
    ? groups.names.map((name, group) => {
        const members = labels.filter((label) => groups.ofClass[label] === group);
        return html`<section><h3>${spoken(name)}</h3><ul>${members.map(entry)}</ul></section>`;
      })
    : labels.map((label) => html`<ul>${entry(label)}</ul>`);
  return html`
    <h2>The classes</h2>
    <p class="muted">The first training images of each.</p>
    <div class="sheet">${parts}</div>`;
}
