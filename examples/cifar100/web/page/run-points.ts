/** The curves of a run: what came in while it trained, and what each validation found. */
import type { RunSummary } from "../protocol.ts";
import type { Curve } from "./curves.ts";

export function curvesOf(
  { curve, epochs }: Pick<RunSummary, "curve" | "epochs">,
  live: "loss" | "accuracy",
  validated: "validationLoss" | "validationAccuracy",
): Curve[] {
  const points = curve.map((point) => [point.epoch, point[live]] as const);
  // Epochs of a few steps are over before anybody looked: they count as a whole.
  const seen = new Set(points.map(([epoch]) => Math.ceil(epoch)));
  const whole = epochs
    .filter(({ epoch }) => !seen.has(epoch))
    .map((entry) => [entry.epoch, entry[live]] as const);
  return [
    { name: "training", colour: 0, points: [...points, ...whole].sort(([a], [b]) => a - b) },
    {
      ...{ name: "validation", colour: 1, dashed: true },
      points: epochs.map((entry) => [entry.epoch, entry[validated]] as const),
    },
  ];
}
