/** Which superclass is taken for which. */
import { agreement, mistakesIn } from "../confusion.ts";
import { el, setText, whenChanged } from "../dom.ts";
import { percent } from "../format.ts";
import { HeatMap } from "../heat-map.ts";
import { mistakeInWords } from "../messages.ts";
import { currentModel, fits } from "../selectors.ts";
import type { State } from "../state.ts";
import { button, emptyState, type MakeView } from "./view.ts";

const mostMistakes = 8;

export const confusionView: MakeView = (control) => {
  const map = new HeatMap();
  const mistakes = el("ol", { class: "small" });
  const summary = el("p", { class: "muted small" });
  const drawn = el(
    "div",
    { class: "matrix" },
    map.element,
    el("div", {}, el("h3", {}, "Most frequent mistakes"), mistakes),
  );
  const nothing = emptyState(
    "The matrix comes with each epoch's validation, or now: the model answers the whole test set.",
  );
  const ask = button("Answer the test set", () => void control.confusion(), { look: "compact" });
  const show = whenChanged((confusion: State["confusion"], wanted: string | undefined) => {
    const current = confusion?.model === wanted ? confusion?.of : undefined;
    drawn.hidden = !current;
    summary.hidden = !current;
    nothing.hidden = current !== undefined;
    if (!current) return;
    map.show(current);
    setText(
      summary,
      `Rows are what images show, columns what they were taken for. The superclass is right for ${percent(agreement(current))}.`,
    );
    mistakes.replaceChildren(
      ...mistakesIn(current, mostMistakes).map((mistake) => el("li", {}, mistakeInWords(mistake))),
    );
  });
  return {
    element: el(
      "section",
      { "aria-label": "Confusion matrix" },
      el("div", { class: "row spaced" }, el("h2", {}, "Confusion by superclass"), ask),
      summary,
      nothing,
      drawn,
    ),
    update: (state) => {
      show(state.confusion, currentModel(state)?.kind);
      const waiting = state.pending.has("confusion");
      ask.disabled = waiting || !fits(state);
      setText(ask, waiting ? "Answering …" : "Answer the test set");
    },
  };
};
