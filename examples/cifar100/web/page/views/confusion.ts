/** Which superclass is taken for which. */
import { agreement, mistakesIn } from "../confusion.ts";
import { el, setText, whenChanged } from "../dom.ts";
import { count, percent } from "../format.ts";
import { HeatMap } from "../heat-map.ts";
import { mistakeInWords } from "../messages.ts";
import { currentModel, fits } from "../selectors.ts";
import type { State } from "../state.ts";
import { button, type MakeView } from "./view.ts";

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
  const why = el("p");
  const nothing = el("div", { class: "empty" }, why);
  const ask = button("Answer the test set", () => void control.confusion(), { look: "compact" });
  const end = button("Stop", () => void control.endConfusion(), {
    ...{ look: "compact", iconName: "stop", "aria-label": "Stop answering the test set" },
  });
  const answered = el("span", { class: "muted small number" });
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
      el("div", { class: "row spaced" }, el("h2", {}, "Confusion by superclass"), answered, ask, end),
      summary,
      nothing,
      drawn,
    ),
    update: (state) => {
      show(state.confusion, currentModel(state)?.kind);
      const waiting = state.pending.has("confusion");
      ask.hidden = waiting;
      end.hidden = !waiting;
      ask.disabled = !fits(state);
      setText(answered, waiting ? answeredInWords(state.answering) : "");
      setText(why, whyNothing(state));
    },
  };
};

function answeredInWords(answering: State["answering"]): string {
  return answering ? `${count(answering.done)} of ${count(answering.total)} images` : "";
}

function whyNothing(state: State): string {
  const epochs = "The matrix comes with each epoch's validation";
  if (fits(state)) return `${epochs}, or now: the model answers the whole test set.`;
  if (!state.dataset) return `${epochs}. To have it now, read the data on Train.`;
  return `${epochs}: the model at hand knows other classes than these images have.`;
}
