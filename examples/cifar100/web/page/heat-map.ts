/** A confusion matrix as a heat map: true superclass by row, the answer's by column. */
import type { Confusion } from "../protocol.ts";
import { Chart, tooltip } from "./chart.ts";
import { mistakesIn } from "./confusion.ts";
import { spoken } from "./format.ts";
import { mistakeInWords } from "./messages.ts";

/** Narrower than this, names are cut short: the tooltips and the list of mistakes have them whole. */
const narrow = 560;

export class HeatMap {
  readonly #chart = new Chart("", { tall: true });
  readonly element = this.#chart.element;

  show(confusion: Confusion): void {
    const names = confusion.names.map(spoken);
    const longest = Math.max(0, ...names.map(({ length }) => length));
    const cells = cellsOf(confusion);
    this.#chart.show(
      (theme, width) => {
        const [most, fontSize] = width < narrow ? [112, 10] : [212, 12];
        const place = Math.min(most, 16 + 0.57 * fontSize * longest);
        const labels = { color: theme.muted, fontSize, interval: 0, overflow: "truncate", width: place - 8 };
        return {
          grid: { left: place, right: 12, top: 8, bottom: 4 + (width < narrow ? 1 : 0.9) * place },
          tooltip: {
            ...tooltip(theme),
            formatter: ({ data }: Hovered) => cellInWords(data, names, confusion),
          },
          xAxis: {
            ...{ type: "category", data: names, splitArea: { show: false } },
            axisLabel: { ...labels, rotate: width < narrow ? 90 : 60 },
            axisLine: { lineStyle: { color: theme.line } },
            axisTick: { show: false },
          },
          yAxis: {
            ...{ type: "category", data: names, inverse: true },
            axisLabel: labels,
            axisLine: { lineStyle: { color: theme.line } },
            axisTick: { show: false },
          },
          visualMap: { show: false, min: 0, max: 1, inRange: { color: [theme.card, theme.heat] } },
          series: [
            {
              ...{ type: "heatmap", data: cells },
              itemStyle: { borderColor: theme.page, borderWidth: 1 },
              emphasis: { itemStyle: { borderColor: theme.text } },
            },
          ],
        };
      },
      `Confusion matrix by superclass. ${mistakesIn(confusion, 3).map(mistakeInWords).join("; ")}.`,
    );
  }
}

type Cell = [column: number, row: number, share: number];

interface Hovered {
  readonly data: unknown;
}

/** Shares of each row's images. */
function cellsOf({ counts }: Confusion): Cell[] {
  return counts.flatMap((row, truth) => {
    const of = row.reduce((sum, images) => sum + images, 0);
    return row.map((images, answer): Cell => [answer, truth, of > 0 ? images / of : 0]);
  });
}

function cellInWords(data: unknown, names: readonly string[], { counts }: Confusion): string {
  if (!Array.isArray(data)) return "";
  const [answer, truth] = [Number(data[0]), Number(data[1])];
  const row = counts[truth] ?? [];
  const of = row.reduce((sum, images) => sum + images, 0);
  if (truth === answer) return `${names[truth]}: ${row[answer]} of ${of} right`;
  return mistakeInWords({
    truth: names[truth] ?? "",
    answer: names[answer] ?? "",
    count: row[answer] ?? 0,
    of,
  });
}
