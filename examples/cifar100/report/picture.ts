/** Charts as one SVG file that stands alone, in the colours of the light page: for a README or a slide. */
import { type Chart, colours, drawCurves, height, width } from "./charts.ts";
import { type Html, html } from "./html.ts";
import { style } from "./style.ts";

const columns = 2;
const gap = 24;
const head = 48;
const [cellWidth, cellHeight] = [width + gap, head + height + gap];

export async function pictureOf(charts: readonly Chart[]): Promise<string> {
  const drawings = await drawCurves(charts);
  const rows = Math.ceil(charts.length / columns);
  const cells = charts.map((chart, k) => {
    const place = `translate(${gap / 2 + (k % columns) * cellWidth} ${gap / 2 + Math.floor(k / columns) * cellHeight})`;
    return html`<g transform="${place}">${heading(chart)}<g transform="translate(0 ${head})">${drawings[k]}</g></g>`;
  });
  const [fullWidth, fullHeight] = [columns * cellWidth, rows * cellHeight];
  const { text } =
    html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${fullWidth} ${fullHeight}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="var(--page)"/>${cells}</svg>
`;
  return text.replace(/var\(--([\w-]+)\)/g, (_, name) => light.get(name) ?? "#000000");
}

function heading({ title, curves }: Chart): Html {
  const entries = curves.map(({ name, colour = 0, dashed }, k) => {
    const color = `var(--curve-${(colour || k) % colours})`;
    const x = k * (width / curves.length);
    return html`<path d="M${x} 32h24" stroke="${color}" stroke-width="3"${dashed && html` stroke-dasharray="6 4"`}/>
<text x="${x + 30}" y="36" fill="var(--text)">${name}</text>`;
  });
  return html`<text y="16" font-size="16" font-weight="bold" fill="var(--text)">${title}</text>${curves.length > 1 && entries}`;
}

/** The first value of each custom property is the light one. */
const light = new Map(
  [...style.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].reverse().map(([, name, value]) => [name, value]),
);
