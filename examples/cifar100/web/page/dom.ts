/** Elements in one expression. No markup from strings, no inline styles: the page's security policy forbids both. */

type Value = string | number | boolean | undefined;
type Listener = (event: Event) => void;
export type Attributes = Readonly<Record<string, Value | Listener>>;
export type Child = Node | string | false | undefined;

/** `el("button", { type: "button", onclick: stop }, "Stop")`; what is false or undefined is left out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Child | readonly Child[])[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else setAttribute(element, name, value);
  }
  for (const child of children.flat()) if (child !== undefined && child !== false) element.append(child);
  return element;
}

export function setAttribute(element: Element, name: string, value: Value): void {
  if (value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Sets the text only if it is another: live regions speak what changes. */
export function setText(element: Node, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** New children; who was at one of the old keeps the focus at the new one of the same `aria-label`. */
export function replaceKeepingFocus(parent: HTMLElement, children: readonly HTMLElement[]): void {
  const label = parent.querySelector(":focus")?.getAttribute("aria-label");
  parent.replaceChildren(...children);
  if (typeof label !== "string") return;
  parent.querySelector<HTMLElement>(`[aria-label="${CSS.escape(label)}"]`)?.focus();
}

/** An icon of the sheet in `index.html`. */
export function icon(name: string): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

let ids = 0;

/** An id that no other element has. */
export function uniqueId(prefix: string): string {
  ids += 1;
  return `${prefix}-${ids}`;
}

/** A function that runs `apply` when one of its arguments is another than in the call before. */
export function whenChanged<T extends readonly unknown[]>(
  apply: (...inputs: T) => void,
): (...inputs: T) => void {
  let last: T | undefined;
  return (...inputs) => {
    if (last?.every((input, k) => Object.is(input, inputs[k]))) return;
    last = inputs;
    apply(...inputs);
  };
}
