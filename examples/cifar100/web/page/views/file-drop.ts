/** A place to drop files on, with a button that picks them: the same for mouse, touch and keyboard. */
import { el, icon } from "../dom.ts";
import { button } from "./view.ts";

export interface FileDropOptions {
  readonly label: string;
  /** The button's text. */
  readonly pick: string;
  /** For the picker: `.bin,image/*`. */
  readonly accept: string;
  readonly iconName: string;
  readonly multiple?: boolean;
  readonly onFiles: (files: readonly File[]) => void;
}

export function fileDrop({ label, pick, accept, iconName, multiple, onFiles }: FileDropOptions): HTMLElement {
  const picker = filePicker({ accept, multiple: multiple === true, onFiles });
  const place = el(
    "div",
    { class: "drop" },
    icon(iconName),
    el("p", { class: "small" }, label),
    button(pick, () => picker.click(), { look: "compact" }),
    picker,
  );
  place.addEventListener("dragover", (event) => {
    event.preventDefault();
    place.classList.add("over");
  });
  place.addEventListener("dragleave", () => place.classList.remove("over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) onFiles(files);
  });
  return place;
}

/** An unseen `<input type="file">` that a button opens. */
export function filePicker(
  options: Readonly<{ accept: string; multiple: boolean; onFiles: (files: readonly File[]) => void }>,
): HTMLInputElement {
  const { accept, multiple, onFiles } = options;
  const input = el("input", { type: "file", hidden: true, accept, multiple });
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    input.value = ""; // so that the same file can be picked again
    if (files.length > 0) onFiles(files);
  });
  return input;
}
