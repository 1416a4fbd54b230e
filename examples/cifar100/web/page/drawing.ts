/** The parts of Apache ECharts that the charts need: ten times the rest of the page, loaded with the first chart. */
import { HeatmapChart, LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import { type EChartsType, init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([
  ...[LineChart, ScatterChart, HeatmapChart],
  ...[GridComponent, TooltipComponent, VisualMapComponent, CanvasRenderer],
]);

export function drawingIn(place: HTMLElement): EChartsType {
  return init(place, null, { renderer: "canvas" });
}
