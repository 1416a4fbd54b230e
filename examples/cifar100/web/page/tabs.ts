/** Tabs as the ARIA authoring practices describe them: arrow keys, Home and End move and select, Tab goes on into the panel. */
import { el, setAttribute } from "./dom.ts";

export interface Tab<Name extends string> {
  readonly name: Name;
  readonly title: string;
  readonly panel: HTMLElement;
}

/** @returns the list of tabs, the panels, and a function that shows one of them. */
export function tabsOf<Name extends string>(
  label: string,
  tabs: readonly Tab<Name>[],
  onSelect: (name: Name) => void,
): {
  readonly list: HTMLElement;
  readonly panels: readonly HTMLElement[];
  readonly show: (name: Name) => void;
} {
  const buttons = tabs.map(({ name, title }) =>
    el(
      "button",
      {
        ...{ type: "button", role: "tab", class: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}` },
        onclick: () => onSelect(name),
      },
      title,
    ),
  );
  const panels = tabs.map(({ name, panel }) =>
    el(
      "section",
      { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`, tabindex: 0 },
      panel,
    ),
  );
  const list = el("div", { role: "tablist", class: "tabs", "aria-label": label }, ...buttons);
  list.addEventListener("keydown", (event) => {
    const at = buttons.findIndex((button) => button.matches(":focus"));
    const next = neighbour(event.key, at, tabs.length);
    const tab = next === undefined ? undefined : tabs[next];
    if (next === undefined || !tab) return;
    event.preventDefault();
    buttons[next]?.focus();
    onSelect(tab.name);
  });
  const show = (chosen: Name): void => {
    for (const [k, { name }] of tabs.entries()) {
      const [button, panel] = [buttons[k], panels[k]];
      if (!button || !panel) continue;
      setAttribute(button, "aria-selected", String(name === chosen));
      setAttribute(button, "tabindex", name === chosen ? 0 : -1);
      setAttribute(panel, "hidden", name !== chosen);
      if (name === chosen) button.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  };
  return { list, panels, show };
}

/** The tab that a key leads to from the one `at`, of `count`; undefined where the key means nothing. */
export function neighbour(key: string, at: number, count: number): number | undefined {
  if (key === "ArrowRight") return (at + 1) % count;
  if (key === "ArrowLeft") return (at - 1 + count) % count;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  return undefined;
}
