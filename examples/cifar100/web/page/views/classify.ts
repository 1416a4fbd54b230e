/** Classify: any picture, and the five classes that the model finds most likely. */
import type { Guess } from "../../protocol.ts";
import { el, setText, whenChanged } from "../dom.ts";
import { percent, spoken } from "../format.ts";
import { canvasOf, opaque } from "../pixels.ts";
import { currentModel } from "../selectors.ts";
import type { ChosenPicture, State } from "../state.ts";
import { fileDrop } from "./file-drop.ts";
import { modelChoice } from "./model-choice.ts";
import { bar, emptyState, type MakeView } from "./view.ts";

export const classifyView: MakeView = (control) => {
  const model = modelChoice(control);
  const drop = fileDrop({
    label: "Drop a picture here. Its middle square is scaled to 32 × 32 pixels, on this machine.",
    pick: "Choose a picture",
    accept: "image/*",
    iconName: "picture",
    onFiles: ([file]) => file && void control.choosePicture(file),
  });
  const preview = el("div");
  const name = el("figcaption", { class: "small" });
  const figure = el("figure", { class: "chosen" }, preview, name);
  const answers = el("ol", { class: "answers" });
  const hint = emptyState("The five likeliest classes appear here.");
  const said = el("p", { class: "unseen", role: "status" });
  const showPicture = whenChanged((picture: ChosenPicture | undefined) => {
    figure.hidden = !picture;
    if (!picture) return;
    const canvas = canvasOf(opaque(picture.pixels), 32, `${picture.name} at 32 × 32 pixels`);
    canvas.classList.add("preview");
    preview.replaceChildren(canvas);
    setText(name, `${picture.name}, as the model sees it`);
  });
  const showGuesses = whenChanged((guesses: readonly Guess[] | undefined) => {
    answers.hidden = !guesses;
    if (!guesses) return;
    answers.replaceChildren(...guesses.map(answer));
    const [best] = guesses;
    if (best) setText(said, `Most likely ${spoken(best.name)}, ${percent(best.confidence)}`);
  });
  return {
    element: el(
      "div",
      { class: "stack" },
      model.element,
      el(
        "div",
        { class: "halves" },
        el("section", { class: "stack", "aria-label": "Picture" }, drop, figure),
        el("section", { class: "stack", "aria-label": "Answers" }, hint, answers, said),
      ),
    ),
    update: (state) => {
      model.update(state);
      showPicture(state.picture);
      showGuesses(state.guesses);
      hint.hidden = state.guesses !== undefined;
      setText(hint, hintOf(state));
    },
  };
};

function answer({ name, confidence }: Guess): HTMLElement {
  return el(
    "li",
    {},
    el("span", { class: "name" }, spoken(name)),
    el("span", { class: "number" }, percent(confidence)),
    bar(confidence),
  );
}

function hintOf(state: State): string {
  if (!currentModel(state)) return "There is no model yet: train one, or load a checkpoint.";
  if (state.pending.has("classify")) return "Looking at the picture …";
  if (state.picture) return "This picture has no answer yet: pause the training, or choose another model.";
  return "The five likeliest classes appear here.";
}
