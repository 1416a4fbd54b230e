/** Test images with what the model takes them for. */
import type { DatasetInfo, TestImage } from "../../protocol.ts";
import { el, setText, whenChanged } from "../dom.ts";
import { count, percent, spoken } from "../format.ts";
import { canvasOf } from "../pixels.ts";
import { currentModel, fits, imagesShown } from "../selectors.ts";
import type { State } from "../state.ts";
import { button, type MakeView } from "./view.ts";

export const testImages: MakeView = (control) => {
  const list = el("ul", { class: "tiles" });
  const why = el("p");
  const nothing = el("div", { class: "empty" }, why);
  const read = button("Read the data", () => control.loadChosen(), { look: "compact" });
  nothing.append(el("div", {}, read));
  const score = el("span", { class: "muted small" });
  const other = button("Other images", () => control.chooseImages(anotherFirst(control.state.dataset)), {
    ...{ look: "compact", iconName: "dice" },
  });
  const show = whenChanged((images: readonly TestImage[] | undefined, dataset: DatasetInfo | undefined) => {
    const some = images !== undefined && images.length > 0 && dataset !== undefined;
    list.hidden = !some;
    if (!some) return;
    list.replaceChildren(...images.map((image) => tile(image, dataset.classes)));
    const right = images.filter(({ label, answer }) => label === answer).length;
    setText(score, `${right} of these ${images.length} right`);
  });
  const element = el(
    "section",
    { "aria-label": "Test images" },
    el("div", { class: "row spaced" }, el("h2", {}, "Test images"), score, other),
    nothing,
    list,
  );
  return {
    element,
    update: (state) => {
      element.hidden = state.status === "failed" && !state.adapter;
      show(state.predictions, state.dataset);
      nothing.hidden = !list.hidden;
      score.hidden = list.hidden;
      other.hidden = !state.dataset || state.dataset.testImages <= imagesShown;
      other.disabled = !fits(state);
      setText(why, whyNothing(state));
      read.hidden = state.dataset !== undefined || state.status !== "idle" || state.source === "files";
    },
  };
};

function whyNothing(state: State): string {
  if (state.dataset && currentModel(state) && !fits(state)) {
    return "The model at hand knows other classes than these images have: train one on them, and its answers appear here.";
  }
  return "Test images appear here with the model's answers, once there are data and a model for them.";
}

function tile(image: TestImage, classes: readonly string[]): HTMLElement {
  const { pixels, index, label, answer, confidence } = image;
  const [truth, guess] = [spoken(classes[label]), spoken(classes[answer])];
  const right = label === answer;
  return el(
    "li",
    { class: "tile" },
    canvasOf(pixels, 32, `Test image ${count(index)}, ${truth}`),
    el(
      "span",
      { class: right ? "right" : "wrong" },
      el("span", { class: "unseen" }, right ? "Right:" : "Wrong:"),
      `${right ? "✓" : "✗"} `,
      el("strong", {}, guess),
    ),
    el("span", { class: "number" }, percent(confidence)),
    !right && el("span", { class: "muted" }, `is ${truth}`),
  );
}

function anotherFirst(dataset: DatasetInfo | undefined): number {
  const most = Math.max(1, (dataset?.testImages ?? 0) - imagesShown + 1);
  return Math.floor(Math.random() * most);
}
