/** Charts as SVG text, drawn by Apache ECharts without a DOM. */
import { init } from "echarts";
import type { Peaks } from "./peaks.ts";

type ChartOption = Parameters<ReturnType<typeof init>["setOption"]>[0];

function draw(width: number, height: number, option: ChartOption): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
  chart.setOption({ animation: false, backgroundColor: "#fff", ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

export interface RooflinePoint {
  readonly name: string;
  readonly gflops: number | null;
  readonly gigabytesPerSecond: number | null;
}

/** Operations per byte of kernels that move memory and whose cases count no operations: one per f32. */
const assumedIntensity = 0.25;

// Colours repeat after nine families, symbols don't with them.
const symbols = ["circle", "diamond", "triangle", "rect"];
const colours = 9;

/** Kernels of one family share colour and symbol; the best and the worst of each are labelled. */
export function plotRoofline(device: string, peaks: Peaks, rows: readonly RooflinePoint[]): string {
  const families = new Map<string, [intensity: number, gflops: number, label: string][]>();
  for (const { name, gflops, gigabytesPerSecond } of rows) {
    if (!gigabytesPerSecond) continue;
    const family = name.split(" ")[0] ?? name;
    const points = families.get(family) ?? [];
    const intensity = gflops ? gflops / gigabytesPerSecond : assumedIntensity;
    points.push([intensity, intensity * gigabytesPerSecond, name]);
    families.set(family, points);
  }
  const all = [...families.values()].flat();
  const lowest = 10 ** Math.floor(Math.log10(Math.min(...all.map(([x]) => x), 0.1)));
  const highest = 10 ** Math.ceil(Math.log10(Math.max(...all.map(([x]) => x), 100)));
  const floor = 10 ** Math.floor(Math.log10(Math.min(...all.map(([, y]) => y), 1)));
  const ridge = peaks.gflops / peaks.gigabytesPerSecond;
  const roof = [
    [lowest, lowest * peaks.gigabytesPerSecond],
    [ridge, peaks.gflops],
    [highest, peaks.gflops],
  ];
  const logAxis = { type: "log" as const, nameLocation: "middle" as const, minorSplitLine: { show: true } };
  return draw(1260, 760, {
    title: {
      text: `Kernels under the roof of ${device}`,
      subtext: `${peaks.gflops.toFixed(0)} GFLOP/s and ${peaks.gigabytesPerSecond.toFixed(1)} GB/s, measured in the same run; kernels that count no operations stand at ${assumedIntensity}`,
    },
    legend: { type: "plain", orient: "vertical", left: 920, top: 60, textStyle: { fontSize: 11 } },
    grid: { left: 80, right: 350, top: 70, bottom: 60 },
    xAxis: {
      ...logAxis,
      name: "operations per byte that must move",
      nameGap: 32,
      min: lowest,
      max: highest,
    },
    yAxis: { ...logAxis, name: "GFLOP/s", nameGap: 50, min: floor },
    series: [
      {
        type: "line",
        name: "roof",
        data: roof,
        symbol: "none",
        lineStyle: { color: "#333", width: 2 },
        itemStyle: { color: "#333" },
      },
      ...[...families].map(([family, points], index) => ({
        type: "scatter" as const,
        name: family,
        symbol: symbols[Math.floor(index / colours) % symbols.length] ?? "circle",
        symbolSize: 9,
        // Labels lie inside the plot: to the left of what stands in its right half.
        data: points.map((value) => ({
          value,
          label: {
            show: isExtreme(value, points),
            position: value[0] > Math.sqrt(lowest * highest) ? ("left" as const) : ("right" as const),
          },
        })),
        label: {
          fontSize: 10,
          formatter: ({ value }: Labelled) => labelOf(value),
        },
        labelLayout: { hideOverlap: true },
      })),
    ],
  });
}

interface Labelled {
  readonly value: unknown;
}

function labelOf(value: unknown): string {
  return Array.isArray(value) ? String(value[2]) : "";
}

const formatRate = (rate: number) => rate.toLocaleString("en", { maximumSignificantDigits: 3 });

function isExtreme(
  point: readonly [number, number, string],
  family: readonly (readonly [number, number, string])[],
) {
  const speeds = family.map(([, gflops]) => gflops);
  return point[1] === Math.max(...speeds) || point[1] === Math.min(...speeds);
}

export interface ScalingPoint {
  readonly series: string;
  readonly batch: number;
  readonly imagesPerSecond: number;
}

/** Images per second over the batch, both logarithmic. */
export function plotScaling(device: string, points: readonly ScalingPoint[]): string {
  const names = [...new Set(points.map(({ series }) => series))];
  const batches = [...new Set(points.map(({ batch }) => batch))].sort((a, b) => a - b);
  return draw(900, 560, {
    title: { text: "VGG: images per second by batch", subtext: device },
    legend: { orient: "vertical", right: 10, top: 60 },
    grid: { left: 80, right: 220, top: 70, bottom: 60 },
    xAxis: {
      type: "category",
      name: "batch",
      nameLocation: "middle",
      nameGap: 32,
      data: batches.map(String),
    },
    yAxis: {
      ...{ type: "log", name: "images per second", nameLocation: "middle", nameGap: 50 },
      minorSplitLine: { show: true },
    },
    series: names.map((name) => ({
      type: "line" as const,
      name,
      symbolSize: 8,
      data: points
        .filter(({ series }) => series === name)
        .map(({ batch, imagesPerSecond }) => [String(batch), imagesPerSecond]),
      label: {
        show: true,
        formatter: ({ value }: Labelled) => (Array.isArray(value) ? formatRate(Number(value[1])) : ""),
      },
    })),
  });
}
