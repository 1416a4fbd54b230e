/** The look of the pages: light or dark as the reader's system, from 320 px up. Text has a contrast of 4.5 or more. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f5f6f8; --text: #1b1f24; --muted: #57606a; --line: #8c959f; --grid: #dfe3e8; --heat: #003f8f;
  --off-heat: #000000; --on-heat: #ffffff; --right: #1a7f37; --wrong: #b42318;
  --curve-0: #0a5dc2; --curve-1: #b54708; --curve-2: #1a7f37; --curve-3: #8b3fc7;
  --curve-4: #b0267c; --curve-5: #0b7285; --curve-6: #7a5c00; --curve-7: #57606a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --card: #1e2329; --text: #e8eaed; --muted: #a5aeb8; --line: #6e7781; --grid: #30363d; --heat: #619ee0;
    --off-heat: #ffffff; --on-heat: #000000; --right: #57cc70; --wrong: #ff8a7d;
    --curve-0: #6cb2ff; --curve-1: #ffab5e; --curve-2: #57cc70; --curve-3: #c99bff;
    --curve-4: #ff8ac9; --curve-5: #4fd1e0; --curve-6: #e3c04b; --curve-7: #a5aeb8;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1120px; padding: 24px 16px 48px; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word;
}
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 1.25rem; margin: 40px 0 8px; }
h3 { font-size: 1rem; margin: 0; }
p { margin: 0 0 12px; max-width: 75ch; }
.muted, figcaption { color: var(--muted); }
.notice { border-left: 4px solid var(--curve-1); padding: 4px 12px; background: var(--card); }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0 0; }
.numbers div { background: var(--card); border-radius: 8px; padding: 10px 14px; }
.numbers dt { color: var(--muted); font-size: 0.875rem; }
.numbers dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr)); gap: 24px; }
.chart, .tile { margin: 0; }
.chart svg { display: block; width: 100%; height: auto; }
.chart figcaption h3 { color: var(--text); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 16px; margin: 0; padding: 0; font-size: 0.875rem; }
.swatch { display: inline-block; width: 22px; margin-right: 6px; border-top: 3px solid; vertical-align: middle; }
.swatch.dashed { border-top-style: dashed; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); padding-bottom: 6px; }
th, td { padding: 4px 10px; text-align: left; border-bottom: 1px solid var(--grid); vertical-align: top; }
th { font-weight: 600; }
.name { white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
code { font-size: 0.875em; overflow-wrap: anywhere; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr)); gap: 8px 32px; align-items: start; }
.columns table { width: 100%; }
.columns th { width: 40%; padding-left: 0; }
.scroll + h3 { margin-top: 24px; }
.scroll { overflow: auto; max-width: 100%; }
.tall { max-height: 520px; border: 1px solid var(--grid); border-radius: 8px; }
.tall thead th { white-space: nowrap; position: sticky; top: 0; background: var(--card); z-index: 1; }
.tall table { width: 100%; }
.scroll:focus-visible, button:focus-visible, summary:focus-visible { outline: 2px solid var(--curve-0); outline-offset: 2px; }
button.sort { font: inherit; font-weight: 600; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-decoration: underline dotted; }
[aria-sort="ascending"] button.sort::after { content: " \\25B2"; }
[aria-sort="descending"] button.sort::after { content: " \\25BC"; }
.bar { display: inline-block; width: 72px; height: 10px; border-radius: 2px; margin-left: 8px; background: var(--grid); vertical-align: middle; }
.bar span { display: block; height: 100%; border-radius: 2px; background: var(--heat); }
.matrix th, .matrix td { padding: 0; border: 1px solid var(--page); font-weight: 400; vertical-align: middle; }
.matrix thead th { height: 200px; vertical-align: bottom; }
.matrix thead th span { writing-mode: vertical-rl; transform: rotate(180deg); padding: 4px 0; white-space: nowrap; }
.matrix tbody th { position: sticky; left: 0; background: var(--page); padding-right: 8px; text-align: right; white-space: nowrap; line-height: 1.2; }
.matrix td { width: 38px; min-width: 34px; height: 30px; text-align: center; background: color-mix(in srgb, var(--heat) var(--share), var(--card)); color: var(--off-heat); }
.matrix td.strong { color: var(--on-heat); }
.matrix td.none { color: var(--muted); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); gap: 16px 12px; margin: 8px 0 24px; }
.tile img { display: block; width: 96px; height: 96px; border-radius: 6px; }
.tile figcaption { font-size: 0.875rem; line-height: 1.35; margin-top: 4px; }
.tile strong { color: var(--text); font-weight: 600; }
.right { color: var(--right); } .wrong { color: var(--wrong); }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr)); gap: 20px 24px; }
.sheet h3 { margin-bottom: 6px; }
.sheet ul { list-style: none; margin: 0; padding: 0; }
.sheet li { display: flex; flex-wrap: wrap; align-items: center; gap: 2px 10px; margin-bottom: 4px; font-size: 0.875rem; }
.sheet img { display: block; height: 40px; max-width: 100%; border-radius: 4px; }
img { image-rendering: pixelated; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)); gap: 28px 24px; }
.picture { margin: 0; }
.picture img { display: block; border-radius: 8px; margin-bottom: 6px; image-rendering: auto; }
.picture h3 { color: var(--text); }
.picture ol { margin: 4px 0 0; padding: 0; list-style: none; }
.picture li { display: grid; grid-template-columns: 9.5em 1fr 4em; align-items: center; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
.picture li:first-child { color: var(--text); font-weight: 600; }
.picture .bar { width: auto; margin: 0; }
.picture li > :last-child { text-align: right; }
details { margin-top: 16px; }
summary { cursor: pointer; margin-bottom: 8px; }
@media (max-width: 600px) {
  .matrix thead th { height: 170px; }
  .matrix tbody th { min-width: 96px; max-width: 110px; font-size: 0.75rem; white-space: normal; }
  th, td { padding: 4px 6px; }
}
@media print { .tall { max-height: none; } }
`;
