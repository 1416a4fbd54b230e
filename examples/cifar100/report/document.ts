/** What the pages have in common: a document that asks no host for anything, and pieces of it. */
import { createHash } from "node:crypto";
import { Html, type HtmlValue, html } from "./html.ts";
import { style } from "./style.ts";

/** Buttons in a table's head sort its rows. */
const script = `
for (const button of document.querySelectorAll("button.sort")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const body = button.closest("table").tBodies[0];
    const numbers = button.dataset.type === "number";
    const was = head.getAttribute("aria-sort") ?? (numbers ? "ascending" : "descending");
    const descending = was === "ascending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const key = (row) => row.cells[head.cellIndex].dataset.key ?? row.cells[head.cellIndex].textContent;
    const compare = (a, b) => (numbers ? key(a) - key(b) : key(a).localeCompare(key(b)));
    const rows = [...body.rows].sort((a, b) => (descending ? compare(b, a) : compare(a, b)));
    body.append(...rows);
  });
}
`;

const policy = [
  "default-src 'none'",
  "img-src data:",
  "style-src 'unsafe-inline'",
  `script-src 'sha256-${createHash("sha256").update(script).digest("base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** A whole page. */
export function documentOf(title: string, body: HtmlValue): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${new Html(style)}</style>
</head>
<body>
${body}
<script>${new Html(script)}</script>
</body>
</html>
`.text;
}

/** A table wider or longer than its place, which the keyboard can scroll too. */
export function scrolling(label: string, table: Html, tall = false): Html {
  return html`<div class="scroll${tall ? " tall" : ""}" tabindex="0" role="region" aria-label="${label}">${table}</div>`;
}

/** Names and values. */
export function pairs(caption: string, entries: Readonly<Record<string, HtmlValue>>): Html {
  const rows = Object.entries(entries).map(
    ([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`,
  );
  return html`<table><caption>${caption}</caption><tbody>${rows}</tbody></table>`;
}

/** The figures that stand at the top of a page. */
export function figures(entries: Readonly<Record<string, string>>): Html {
  const parts = Object.entries(entries).map(
    ([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`,
  );
  return html`<dl class="numbers">${parts}</dl>`;
}

/** A class's name as people write it. */
export function spoken(name: string | undefined): string {
  return (name ?? "unknown").replaceAll("_", " ");
}

/** A setting's name as words: `trainLimit` is "train limit". */
export function worded(key: string): string {
  return key.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
