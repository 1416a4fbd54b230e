/** Where the time of a training step goes. */
import type { AdapterInfo, Profile } from "../../protocol.ts";
import { type Child, el, setText, whenChanged } from "../dom.ts";
import { count, milliseconds, percent } from "../format.ts";
import { isTraining } from "../selectors.ts";
import { bar, button, emptyState, type MakeView, scrolling } from "./view.ts";

export const stepTime: MakeView = (control) => {
  const body = el("tbody");
  const table = scrolling(
    "Step time by kernel",
    el(
      "table",
      {},
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("th", { scope: "col" }, "Kernel"),
          el("th", { scope: "col", class: "number" }, "Launches"),
          el("th", { scope: "col", class: "number" }, "Time"),
          el("th", { scope: "col", class: "number" }, "Share"),
          el("td", { class: "bars" }),
        ),
      ),
      body,
    ),
    true,
  );
  const caption = el("p", { class: "muted small" });
  const nothing = emptyState("Times one training step on a copy of the model. A run isn't touched.");
  const ask = button("Time a step", () => void control.profile(), { look: "compact" });
  const show = whenChanged((profile: Profile | undefined, adapter: AdapterInfo | undefined) => {
    table.hidden = !profile;
    nothing.hidden = profile !== undefined;
    setText(caption, methodInWords(profile, adapter));
    if (!profile) return;
    const all = profile.kernels.reduce((sum, { ms }) => sum + ms, 0);
    body.replaceChildren(
      ...profile.kernels.map(({ kernel, launches, ms }) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, el("code", {}, ...breakable(kernel))),
          el("td", { class: "number" }, count(launches)),
          el("td", { class: "number" }, milliseconds(ms)),
          el("td", { class: "number" }, percent(ms / all)),
          el("td", { class: "bars" }, bar(ms / all)),
        ),
      ),
    );
  });
  return {
    element: el(
      "section",
      { "aria-label": "Step time" },
      el("div", { class: "row spaced" }, el("h2", {}, "Step time by kernel"), ask),
      caption,
      nothing,
      table,
    ),
    update: ({ profile, adapter, pending, status }) => {
      show(profile, adapter);
      const waiting = pending.has("profile");
      setText(ask, waiting ? "Timing …" : "Time a step");
      ask.disabled = waiting || !(status === "idle" || status === "paused" || isTraining(status));
    },
  };
};

/** A name that may go on in the next line after an underscore. */
function breakable(name: string): Child[] {
  return name.split(/(?<=_)/).flatMap((part, k) => (k > 0 ? [el("wbr"), part] : [part]));
}

function methodInWords(profile: Profile | undefined, adapter: AdapterInfo | undefined): string {
  const timestamps = profile ? profile.method === "timestamps" : adapter?.timestamps;
  const how = timestamps
    ? "Timestamps of the GPU itself."
    : "This adapter has no timestamps: the page waits for each kernel instead, which is coarser and adds the waiting.";
  if (!profile) return adapter ? how : "";
  const all = profile.kernels.reduce((sum, { ms }) => sum + ms, 0);
  return `${milliseconds(all)} for a step of ${count(profile.batch)} images. ${how}`;
}
