/** What a view is: an element, and how it follows the state. */
import type { Controller } from "../controller.ts";
import { type Attributes, type Child, el, icon } from "../dom.ts";
import type { State } from "../state.ts";

export interface View {
  readonly element: HTMLElement;
  /** Called after every change, once a frame at most: cheap where nothing of this view's changed. */
  readonly update: (state: State) => void;
}

export type MakeView = (control: Controller) => View;

/** Views one below the other. */
export function stacked(parts: readonly (View | HTMLElement)[], className = "stack"): View {
  const views = parts.flatMap((part) => ("update" in part ? [part] : []));
  return {
    element: el(
      "div",
      { class: className },
      ...parts.map((part) => ("update" in part ? part.element : part)),
    ),
    update: (state) => {
      for (const view of views) view.update(state);
    },
  };
}

export function button(
  label: string,
  onclick: () => void,
  { iconName, look = "", ...attributes }: { iconName?: string; look?: string } & Attributes = {},
): HTMLButtonElement {
  return el(
    "button",
    { type: "button", class: `button ${look}`.trim(), onclick, ...attributes },
    iconName !== undefined && icon(iconName),
    label,
  );
}

/** Where there is nothing yet: what would be there, and how it comes about. */
export function emptyState(...lines: readonly string[]): HTMLElement {
  return el("div", { class: "empty" }, ...lines.map((line) => el("p", {}, line)));
}

/** A bar as long as the share; the number stands beside it. */
export function bar(share: number): HTMLElement {
  const filled = el("span");
  filled.style.width = `${(100 * Math.min(1, Math.max(0, share))).toFixed(1)}%`;
  return el("span", { class: "bar", "aria-hidden": "true" }, filled);
}

/** Names and values; `set` changes the values. */
export function figures<Name extends string>(
  names: readonly Name[],
): { readonly element: HTMLElement; readonly set: (values: Readonly<Record<Name, string>>) => void } {
  const values = names.map(() => el("dd", {}, "–"));
  const element = el(
    "dl",
    { class: "numbers" },
    ...names.map((name, k) => el("div", {}, el("dt", {}, name), values[k])),
  );
  const set = (texts: Readonly<Record<Name, string>>): void => {
    for (const [k, name] of names.entries()) {
      const value = values[k];
      if (value && value.textContent !== texts[name]) value.textContent = texts[name];
    }
  };
  return { element, set };
}

/** A table wider or longer than its place, which the keyboard can scroll too. */
export function scrolling(label: string, table: Child, high = false): HTMLElement {
  const attributes = {
    class: high ? "scroll high" : "scroll",
    tabindex: 0,
    role: "region",
    "aria-label": label,
  };
  return el("div", attributes, table);
}
