/** What the page is for, until there is a run. */
import { el } from "../dom.ts";
import { currentRun, unfinishedRun } from "../selectors.ts";
import type { MakeView } from "./view.ts";

export const welcome: MakeView = () => {
  const orLook = el(
    "p",
    { class: "muted" },
    "Or look inside the pretrained model, and let it classify a picture of yours.",
  );
  const element = el(
    "section",
    { class: "card" },
    el("h2", {}, "Watch a network learn"),
    el(
      "p",
      {},
      "This page trains a VGG network on your own GPU, with compute shaders written by hand. Nothing leaves your machine.",
    ),
    orLook,
  );
  return {
    element,
    update: (state) => {
      element.hidden = (currentRun(state) ?? unfinishedRun(state)) !== undefined;
      orLook.hidden = state.models.length === 0;
    },
  };
};
