/** Look inside: filters, activations, confusions, time. */
import { activations } from "./activations.ts";
import { confusionView } from "./confusion.ts";
import { filters } from "./filters.ts";
import { modelChoice } from "./model-choice.ts";
import { stepTime } from "./step-time.ts";
import { type MakeView, stacked } from "./view.ts";

export const lookView: MakeView = (control) =>
  stacked(
    [modelChoice(control), activations(control), filters(control), confusionView(control), stepTime(control)],
    "stack wide",
  );
