/** Messages above the tabs: what happened, and a way on. */
import type { Controller } from "../controller.ts";
import { el, whenChanged } from "../dom.ts";
import { messageOf, type WayOn } from "../messages.ts";
import type { Notice } from "../state.ts";
import { button, type MakeView } from "./view.ts";

export const notices: MakeView = (control) => {
  const shown = new Map<number, HTMLElement>();
  const element = el("div", {
    class: "notices",
    role: "region",
    "aria-label": "Messages",
    "aria-live": "polite",
  });
  const show = whenChanged((list: readonly Notice[]) => {
    for (const [id, notice] of shown) {
      if (list.some((entry) => entry.id === id)) continue;
      notice.remove();
      shown.delete(id);
    }
    for (const notice of list) {
      if (shown.has(notice.id)) continue;
      const added = noticeElement(control, notice);
      shown.set(notice.id, added);
      element.append(added);
    }
  });
  return { element, update: ({ notices: list }) => show(list) };
};

function noticeElement(control: Controller, { id, about }: Notice): HTMLElement {
  const { tone, title, text, way } = messageOf(about);
  const close = () => control.dispatch({ type: "dismiss", id });
  return el(
    "div",
    { class: "notice", "data-tone": tone, role: tone === "bad" ? "alert" : undefined },
    el("div", {}, title !== "" && el("p", { class: "title" }, title), el("p", {}, text)),
    el(
      "div",
      { class: "buttons" },
      way && button(way.label, () => follow(control, way.does), { look: "compact" }),
      button("Close", close, { look: "plain compact" }),
    ),
  );
}

function follow(control: Controller, way: WayOn): void {
  if (way === "open") void control.open();
  else location.reload();
}
