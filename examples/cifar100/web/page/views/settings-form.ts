/** The settings of the next run. */
import type { RecipeInfo, RunSettings } from "../../protocol.ts";
import { el, setText, uniqueId, whenChanged } from "../dom.ts";
import { possible } from "../selectors.ts";
import { button, type MakeView } from "./view.ts";

type NumberName = Exclude<keyof RunSettings, "recipe" | "width">;

interface NumberField {
  readonly name: NumberName;
  readonly label: string;
  readonly min: number;
  readonly max?: number;
  readonly step: number | "any";
}

const numberFields: readonly NumberField[] = [
  { name: "batch", label: "Batch size", min: 1, max: 4096, step: 1 },
  { name: "lr", label: "Learning rate", min: 0, step: "any" },
  { name: "epochs", label: "Epochs", min: 1, step: 1 },
  { name: "trainLimit", label: "Training images", min: 0, step: 1 },
  { name: "testLimit", label: "Test images", min: 0, step: 1 },
  { name: "seed", label: "Seed", min: 0, step: 1 },
];

export const settingsForm: MakeView = (control) => {
  const recipe = el("select", {
    id: uniqueId("recipe"),
    onchange: () => control.dispatch({ type: "recipe", name: recipe.value }),
  });
  const about = el("span", { class: "hint", id: uniqueId("hint") });
  recipe.setAttribute("aria-describedby", about.id);
  const width = el("select", {
    id: uniqueId("width"),
    onchange: () => control.dispatch({ type: "edit", settings: { width: Number(width.value) } }),
  });
  const inputs = numberFields.map((field) => ({ ...field, input: numberInput(field) }));
  for (const { name, input } of inputs) {
    input.addEventListener("input", () => {
      if (input.validity.valid) control.dispatch({ type: "edit", settings: { [name]: input.valueAsNumber } });
    });
  }
  const start = button("Start training", () => {}, { iconName: "play", look: "primary", type: "submit" });
  const fields = el(
    "fieldset",
    {},
    el("legend", { class: "unseen" }, "Settings of the next run"),
    el(
      "div",
      { class: "fields" },
      el("div", { class: "field wide" }, el("label", { for: recipe.id }, "Recipe"), recipe, about),
      el("div", { class: "field" }, el("label", { for: width.id }, "Width"), width),
      ...inputs.flatMap(({ name, label, input }) => [
        el("div", { class: "field" }, el("label", { for: input.id }, label), input),
        name === "testLimit" && el("span", { class: "hint wide" }, "0 images: all there are."),
      ]),
    ),
  );
  const form = el(
    "form",
    {
      class: "card",
      onsubmit: (event) => {
        event.preventDefault();
        void control.start();
      },
    },
    el("h2", {}, "New run"),
    fields,
    start,
  );

  const showRecipes = whenChanged((recipes: readonly RecipeInfo[]) =>
    recipe.replaceChildren(...recipes.map(({ name }) => el("option", { value: name }, name))),
  );
  const showSettings = whenChanged((settings: RunSettings | undefined, recipes: readonly RecipeInfo[]) => {
    if (!settings) return;
    recipe.value = settings.recipe;
    const info = recipes.find(({ name }) => name === settings.recipe);
    setText(about, info?.about ?? "");
    const widths = [...new Set([...(info?.widths ?? usualWidths), settings.width])].sort((a, b) => a - b);
    width.replaceChildren(...widths.map((value) => el("option", { value }, widthInWords(value))));
    width.value = String(settings.width);
    for (const { name, input } of inputs) {
      // A field that's being typed in keeps what stands there: "0.0" on the way to "0.05".
      if (input.valueAsNumber !== settings[name]) input.value = String(settings[name]);
    }
  });
  return {
    element: form,
    update: (state) => {
      showRecipes(state.recipes);
      showSettings(state.settings, state.recipes);
      form.hidden = state.settings === undefined && state.status === "failed";
      fields.disabled = state.status !== "idle" && state.status !== "opening";
      start.disabled = !possible(state).start;
    },
  };
};

const usualWidths = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1];

/** The fraction of the channels that the paper's network has. */
export function widthInWords(width: number): string {
  const parts = 1 / width;
  if (width >= 1) return `${width}×`;
  return Number.isInteger(parts) ? `1/${parts}` : String(width);
}

function numberInput({ min, max, step }: NumberField): HTMLInputElement {
  return el("input", {
    ...{
      id: uniqueId("setting"),
      type: "number",
      inputmode: step === 1 ? "numeric" : "decimal",
      required: true,
    },
    ...{ min, max, step },
  });
}
