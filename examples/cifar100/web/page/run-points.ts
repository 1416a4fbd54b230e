/** The curves of a run: what came in while it trained, and what each validation found. */
import type { RunSummary } from "../protocol.ts";
import type { Curve } from "./curves.ts";

export function curvesOf(
  { curve, epochs }: Pick<RunSummary, "curve" | "epochs">,
  live: "loss" | "accuracy",
  validated: "validationLoss" | "validationAccuracy",
): Curve[] {
  return [
    { name: "training", colour: 0, points: curve.map((point) => [point.epoch, point[live]] as const) },
    {
      ...{ name: "validation", colour: 1, dashed: true },
      points: epochs.map((entry) => [entry.epoch, entry[validated]] as const),
    },
  ];
}
