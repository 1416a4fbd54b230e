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

/**
 * Where an axis of losses ends: twice the largest training loss. Validations of a run's first steps can be hundreds of times that, since the
 * running statistics know little yet; beside them nothing else could be seen.
 */
export function lossTop(runs: readonly Pick<RunSummary, "curve">[]): number {
  const losses = runs.flatMap(({ curve }) => curve.map(({ loss }) => loss)).filter(Number.isFinite);
  return losses.length > 0 ? Math.ceil(2 * Math.max(...losses)) : Number.POSITIVE_INFINITY;
}
