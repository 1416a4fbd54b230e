/** The weights of the first convolution: small pictures of what it answers to. */
import type { Planes } from "../../protocol.ts";
import { el, setText, whenChanged } from "../dom.ts";
import { digits } from "../format.ts";
import { canvasOf, filterPixels } from "../pixels.ts";
import { emptyState, type MakeView } from "./view.ts";

export const filters: MakeView = () => {
  const grid = el("div", { class: "filters", role: "img" });
  const caption = el("p", { class: "muted small" });
  const nothing = emptyState("The filters of the first convolution appear here, once there is a model.");
  const show = whenChanged((planes: Planes | undefined) => {
    grid.hidden = !planes;
    caption.hidden = !planes;
    nothing.hidden = planes !== undefined;
    if (!planes) return;
    const [out = 0, height = 1, width = 1, channels = 1] = planes.shape;
    const text = `${out} filters of ${height} × ${width} pixels and ${channels} colours, weights from ${digits(planes.min)} to ${digits(planes.max)}; grey is 0.`;
    setText(caption, text);
    grid.setAttribute("aria-label", text);
    const tiles = Array.from({ length: out }, (_, filter) => canvasOf(filterPixels(planes, filter), width));
    grid.replaceChildren(...tiles);
  });
  return {
    element: el(
      "section",
      { "aria-label": "First-layer filters" },
      el("h2", {}, "First-layer filters"),
      caption,
      nothing,
      grid,
    ),
    update: ({ filters: planes }) => show(planes),
  };
};
