/** Charts as one SVG file that stands alone, in the colours of the light page: for a README or a slide. */
import { type Chart, type Curve, colours, drawCurves, height, width } from "./charts.ts";
import { type Html, html } from "./html.ts";
import { style } from "./style.ts";

const columns = 2;
const gap = 24;
const titleHeight = 30;
const legendRow = 18;
const swatch = 30;
/** About what a character of the legend takes: there is no font to ask. */
const characterWidth = 7.5;

export async function pictureOf(charts: readonly Chart[]): Promise<string> {
  const drawings = await drawCurves(charts);
  const rows = Math.ceil(charts.length / columns);
  const legends = charts.map(({ curves }) => placesOf(curves));
  const head =
    titleHeight + legendRow * Math.max(1, ...legends.map((places) => (places.at(-1)?.row ?? 0) + 1));
  const [cellWidth, cellHeight] = [width + gap, head + height + gap];
  const cells = charts.map((chart, k) => {
    const place = `translate(${gap / 2 + (k % columns) * cellWidth} ${gap / 2 + Math.floor(k / columns) * cellHeight})`;
    return html`<g transform="${place}">${heading(chart, legends[k] ?? [])}<g transform="translate(0 ${head})">${drawings[k]}</g></g>`;
  });
  const [fullWidth, fullHeight] = [columns * cellWidth, rows * cellHeight];
  const { text } =
    html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${fullWidth} ${fullHeight}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="var(--page)"/>${cells}</svg>
`;
  return text.replace(/var\(--([\w-]+)\)/g, (_, name) => light.get(name) ?? "#000000");
}

interface Place {
  readonly row: number;
  readonly x: number;
}

/** Where each curve's entry of the legend stands: in rows, as words in a paragraph. */
function placesOf(curves: readonly Curve[]): Place[] {
  let [row, right] = [0, 0];
  return curves.map(({ name }) => {
    const size = swatch + characterWidth * (name.length + 1);
    if (right > 0 && right + size > width) [row, right] = [row + 1, 0];
    const place = { row, x: right };
    right += size;
    return place;
  });
}

function heading({ title, curves }: Chart, places: readonly Place[]): Html {
  const entries = curves.map(({ name, colour = 0, dashed }, k) => {
    const color = `var(--curve-${(colour || k) % colours})`;
    const { row = 0, x = 0 } = places[k] ?? {};
    const y = titleHeight + 2 + legendRow * row;
    return html`<path d="M${x} ${y}h24" stroke="${color}" stroke-width="3"${dashed && html` stroke-dasharray="6 4"`}/>
<text x="${x + swatch}" y="${y + 4}" fill="var(--text)">${name}</text>`;
  });
  return html`<text y="16" font-size="16" font-weight="bold" fill="var(--text)">${title}</text>${curves.length > 1 && entries}`;
}

/** The first value of each custom property is the light one. */
const light = new Map(
  [...style.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].reverse().map(([, name, value]) => [name, value]),
);
