/** The contact sheet: a page of pictures with what they were taken for. It asks no host for anything. */
import { basename } from "node:path";
import { documentOf, spoken } from "../report/document.ts";
import { type Html, html } from "../report/html.ts";
import type { Answer } from "./classifier.ts";
import type { Picture } from "./picture.ts";

export interface Classified extends Picture {
  readonly answers: readonly Answer[];
}

/**
 * @param failures a line for each picture that couldn't be classified
 * @param metadata the model's
 */
export function sheetOf(
  pictures: readonly Classified[],
  failures: readonly string[],
  metadata: Readonly<Record<string, string>>,
): string {
  const title = pictures.length === 1 ? "1 picture" : `${pictures.length} pictures`;
  return documentOf(
    title,
    html`
    <header>
      <h1>${title}</h1>
      <p class="muted">${describe(metadata)} The model sees the squares as 32 x 32 pixels. It knows its own classes only, and must choose among them.</p>
    </header>
    <main>
    ${failures.map((line) => html`<p class="notice">${line}</p>`)}
    <div class="pictures">${pictures.map(figureOf)}</div>
    </main>`,
  );
}

function figureOf({ name, thumbnail, answers }: Classified): Html {
  const rows = answers.map(
    ({ name: answer, share }) => html`
        <li><span>${spoken(answer)}</span><span class="bar"><span style="width: ${percent(share)}%"></span></span><span>${percent(share)} %</span></li>`,
  );
  return html`
      <figure class="picture">
        <img src="${thumbnail}" width="160" height="160" alt="${basename(name)}">
        <figcaption><h3>${basename(name)}</h3><ol>${rows}</ol></figcaption>
      </figure>`;
}

function describe({
  model,
  dataset,
  epochs,
  accuracy,
  accuracy_tta,
}: Readonly<Record<string, string>>): string {
  const accuracies = accuracy_tta === undefined ? accuracy : accuracy_tta;
  const share = Number(accuracies);
  const tested =
    accuracies !== undefined && Number.isFinite(share)
      ? `, right on ${percent(share)} % of its test set`
      : "";
  return `${model}, trained on ${dataset ?? "an unknown set"} for ${epochs ?? "some"} epochs${tested}.`;
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}
