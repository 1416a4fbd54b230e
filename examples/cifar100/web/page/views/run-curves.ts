/** Loss and accuracy of the run under way, as they come in. */
import type { RunSummary } from "../../protocol.ts";
import { CurveChart, shareAxis } from "../curves.ts";
import { el, whenChanged } from "../dom.ts";
import { digits, percent } from "../format.ts";
import { curvesOf, lossTop } from "../run-points.ts";
import { currentRun } from "../selectors.ts";
import type { MakeView } from "./view.ts";

export const runCurves: MakeView = () => {
  const loss = new CurveChart("Loss", digits);
  const accuracy = new CurveChart("Accuracy", percent, shareAxis);
  const element = el("div", { class: "halves" }, loss.element, accuracy.element);
  const show = whenChanged((run: RunSummary | undefined) => {
    element.hidden = run === undefined;
    if (!run) return;
    loss.show(curvesOf(run, "loss", "validationLoss"), lossTop([run]));
    accuracy.show(curvesOf(run, "accuracy", "validationAccuracy"));
  });
  return { element, update: (state) => show(currentRun(state)) };
};
