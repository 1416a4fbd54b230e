/** What one layer makes of one picture: a small map a channel. */
import type { LayerInfo, ModelInfo, Planes, TestImage } from "../../protocol.ts";
import { el, replaceKeepingFocus, setText, uniqueId, whenChanged } from "../dom.ts";
import { digits, spoken } from "../format.ts";
import { canvasOf, channelPixels, featurePixels, opaque } from "../pixels.ts";
import { currentLayer, currentModel } from "../selectors.ts";
import type { ChosenPicture, State } from "../state.ts";
import { button, emptyState, type MakeView } from "./view.ts";

/** Channels that are drawn before somebody asks for all. */
const mostAtFirst = 64;
/** So few can be drawn larger. */
const few = 32;
const featuresInRow = 32;

export const activations: MakeView = (control) => {
  const picks = el("div", { class: "picks", role: "group", "aria-label": "Test image" });
  const chosen = el("div", { class: "picks" });
  const layer = el("select", { id: uniqueId("layer"), onchange: () => control.chooseLayer(layer.value) });
  const maps = el("div", { class: "maps", role: "img" });
  const caption = el("p", { class: "muted small" });
  const nothing = emptyState(
    "Choose a test image and a layer to see what the layer makes of it.",
    "Data come from Train, or a picture from Classify.",
  );
  let all = false;
  let shown: Planes | undefined;
  const more = button("Show all channels", () => {
    all = true;
    draw(shown);
  });
  const draw = (planes: Planes | undefined): void => {
    shown = planes;
    for (const element of [maps, caption]) element.hidden = !planes;
    nothing.hidden = planes !== undefined;
    const channels = planes?.shape.at(-1) ?? 0;
    const flat = planes?.shape.length === 1;
    more.hidden = !planes || flat || all || channels <= mostAtFirst;
    if (!planes) return;
    const count = all ? channels : Math.min(channels, mostAtFirst);
    const text = describe(planes, count);
    setText(caption, text);
    maps.setAttribute("aria-label", text);
    maps.classList.toggle("flat", flat);
    maps.classList.toggle("few", !flat && count <= few);
    maps.replaceChildren(
      ...(flat
        ? [canvasOf(featurePixels(planes, featuresInRow), featuresInRow)]
        : Array.from({ length: count }, (_, k) => canvasOf(channelPixels(planes, k), planes.shape[1] ?? 1))),
    );
  };
  const show = whenChanged((planes: Planes | undefined) => {
    all = false;
    draw(planes);
  });
  const showLayers = whenChanged((model: ModelInfo | undefined, current: LayerInfo | undefined) => {
    const layers = model?.layers ?? [];
    layer.replaceChildren(...layers.map((entry) => el("option", { value: entry.path }, layerInWords(entry))));
    layer.disabled = layers.length === 0;
    if (current) layer.value = current.path;
  });
  const showPicks = whenChanged(
    (images: readonly TestImage[] | undefined, image: number, classes: readonly string[]) => {
      const buttons = (images ?? []).map((entry) => pick(entry, entry.index === image, classes));
      replaceKeepingFocus(picks, buttons);
    },
  );
  const pick = (
    { index, label, pixels }: TestImage,
    pressed: boolean,
    classes: readonly string[],
  ): HTMLElement =>
    el(
      "button",
      {
        ...{ type: "button", class: "pick", "aria-pressed": String(pressed), title: spoken(classes[label]) },
        ...{ "aria-label": `Test image ${index}, ${spoken(classes[label])}` },
        onclick: () => control.chooseImage(index),
      },
      canvasOf(pixels, 32),
    );
  const showPicture = whenChanged((picture: ChosenPicture | undefined) => {
    chosen.hidden = !picture;
    if (picture) chosen.replaceChildren(canvasOf(opaque(picture.pixels), 32, picture.name));
  });
  return {
    element: el(
      "section",
      { class: "stack tight", "aria-label": "Activations" },
      el("h2", {}, "Activations"),
      picks,
      chosen,
      el("div", { class: "field layer" }, el("label", { for: layer.id }, "Layer"), layer),
      caption,
      nothing,
      maps,
      el("div", {}, more),
    ),
    update: (state: State) => {
      showLayers(currentModel(state), currentLayer(state));
      showPicks(state.predictions, state.image, state.dataset?.classes ?? none);
      showPicture(state.dataset ? undefined : state.picture);
      show(state.activations);
    },
  };
};

const none: readonly string[] = [];

function layerInWords({ path, kind, shape }: LayerInfo): string {
  return `${path} (${kind}, ${shape.join(" × ")})`;
}

function describe({ shape, min, max }: Planes, shown: number): string {
  const range = `values from ${digits(min)} to ${digits(max)}`;
  const colours = min < 0 ? "blue below 0, orange above" : "black is 0";
  const [height, width, channels] = shape;
  if (shape.length === 1) return `${height} features, ${range}: ${colours}.`;
  const part = channels !== undefined && shown < channels ? `the first ${shown} of ` : "";
  return `${part}${channels} channels of ${height} × ${width}, ${range}: ${colours}.`.replace(/^t/, "T");
}
