/** Which model answers, and checkpoints: shared by Look inside and Classify. */
import type { ModelInfo, ModelKind } from "../../protocol.ts";
import { el, setText, uniqueId, whenChanged } from "../dom.ts";
import { count } from "../format.ts";
import { currentModel } from "../selectors.ts";
import { filePicker } from "./file-drop.ts";
import { button, type MakeView } from "./view.ts";

export const modelChoice: MakeView = (control) => {
  const select = el("select", { id: uniqueId("model") });
  select.addEventListener("change", () => {
    const chosen = control.state.models.find(({ kind }) => kind === select.value);
    if (chosen) control.chooseModel(chosen.kind);
  });
  const about = el("span", { class: "hint" });
  const picker = filePicker({
    accept: ".safetensors",
    multiple: false,
    onFiles: ([file]) => file && void control.loadModel(file),
  });
  const load = button("Load checkpoint", () => picker.click(), { iconName: "upload" });
  const save = button("Save checkpoint", () => void control.save(), { iconName: "download" });
  const show = whenChanged((models: readonly ModelInfo[], current: ModelInfo | undefined) => {
    const options = models.map(({ kind, title }) => el("option", { value: kind }, titleOf(kind, title)));
    select.replaceChildren(...(options.length > 0 ? options : [el("option", {}, "No model yet")]));
    select.disabled = models.length === 0;
    save.disabled = current?.kind !== "run"; // the others came from files
    if (current) select.value = current.kind;
    setText(about, current ? aboutOf(current) : "Train one, or load a checkpoint (.safetensors).");
  });
  return {
    element: el(
      "div",
      { class: "card model" },
      el("div", { class: "field" }, el("label", { for: select.id }, "Model"), select, about),
      el("div", { class: "buttons" }, load, save, picker),
    ),
    update: (state) => {
      show(state.models, currentModel(state));
      load.disabled = state.status === "failed" || state.status === "opening";
    },
  };
};

const kinds: Readonly<Record<ModelKind, string>> = {
  run: "Your run",
  loaded: "Checkpoint",
  pretrained: "Pretrained",
};

function titleOf(kind: ModelKind, title: string): string {
  return `${kinds[kind]}: ${title}`;
}

function aboutOf({ parameters, classes, synthetic, layers }: ModelInfo): string {
  const what = synthetic ? "drawn shapes" : "photographs";
  return `${count(parameters)} parameters, ${count(layers.length)} layers, ${classes.length} classes of ${what}`;
}
