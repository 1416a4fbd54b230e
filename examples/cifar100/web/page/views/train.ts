/** Train: data and settings beside the run under way. */
import { el } from "../dom.ts";
import { currentRun, unfinishedRun } from "../selectors.ts";
import { dataSource } from "./data-source.ts";
import { runCurves } from "./run-curves.ts";
import { runPanel } from "./run-panel.ts";
import { settingsForm } from "./settings-form.ts";
import { testImages } from "./test-images.ts";
import { type MakeView, stacked } from "./view.ts";
import { welcome } from "./welcome.ts";

export const trainView: MakeView = (control) => {
  const left = stacked([dataSource(control), settingsForm(control)]);
  const right = stacked([runPanel(control), runCurves(control), testImages(control)]);
  const aside = el("div", { class: "aside" }, left.element, right.element);
  const above = welcome(control);
  return {
    element: el("div", { class: "stack" }, above.element, aside),
    update: (state) => {
      above.update(state);
      aside.classList.toggle("alone", state.status === "failed" && !state.adapter);
      // On a narrow page a run comes before the settings of the next.
      aside.classList.toggle("running", (currentRun(state) ?? unfinishedRun(state)) !== undefined);
      left.update(state);
      right.update(state);
    },
  };
};
