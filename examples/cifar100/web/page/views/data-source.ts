/** Where the images come from: files, what an earlier visit kept, or the built-in drawings. */
import type { DatasetInfo } from "../../protocol.ts";
import { el, setAttribute, setText, whenChanged } from "../dom.ts";
import { bytes, count, spoken } from "../format.ts";
import type { SourceKind, State } from "../state.ts";
import { fileDrop } from "./file-drop.ts";
import { button, type MakeView } from "./view.ts";

export const dataSource: MakeView = (control) => {
  const inputs = new Map<SourceKind, HTMLInputElement>();
  const choice = (source: SourceKind, label: string, hint: HTMLElement): HTMLElement => {
    const input = el("input", {
      ...{ type: "radio", name: "source", value: source },
      onchange: () => control.chooseSource(source),
    });
    inputs.set(source, input);
    return el("label", { class: "choice" }, input, el("span", {}, label, hint));
  };
  const storedHint = el("span", { class: "hint" });
  const stored = choice("stored", "Kept from last time", storedHint);
  const forget = button("Delete", () => void control.forget(), {
    ...{ look: "plain compact", "aria-label": "Delete the kept data" },
  });
  const storedRow = el("div", { class: "row together" }, stored, forget);
  const drop = fileDrop({
    label: "Drop cifar-100-binary.tar.gz here, or its train.bin and test.bin.",
    pick: "Choose files",
    accept: ".gz,.tgz,.tar,.bin",
    iconName: "upload",
    multiple: true,
    onFiles: (files) => control.loadFiles(files, unofficial.checked),
  });
  const unofficial = el("input", { type: "checkbox" });
  const files = el(
    "div",
    { class: "choices" },
    drop,
    el("label", { class: "choice small" }, unofficial, "Take sets other than the official one too"),
  );
  const said = el("p", { class: "small muted" });
  const progress = el("progress", { class: "progress", max: 1, "aria-label": "Data read" });
  const choices = el(
    "fieldset",
    {},
    el("legend", { class: "unseen" }, "Images to train on"),
    el(
      "div",
      { class: "choices" },
      choice(
        "synthetic",
        "Built-in drawings",
        el("span", { class: "hint" }, "100 classes of shapes, no download"),
      ),
      storedRow,
      choice(
        "files",
        "CIFAR-100 from files",
        el("span", { class: "hint" }, "169 MB, read here, sent nowhere"),
      ),
    ),
    files,
  );

  const show = whenChanged(
    (
      source: State["source"],
      kept: State["stored"],
      dataset: State["dataset"],
      reading: State["reading"],
      locked: boolean,
    ) => {
      for (const [kind, input] of inputs) input.checked = kind === source;
      storedRow.hidden = !kept;
      if (kept) setText(storedHint, `${kept.name}, ${bytes(kept.bytes)}`);
      files.hidden = source !== "files";
      choices.disabled = locked;
      progress.hidden = !reading;
      if (reading)
        setAttribute(progress, "value", reading.total > 0 ? reading.done / reading.total : undefined);
      setText(said, reading ? readingInWords(reading) : dataset ? datasetInWords(dataset) : "");
      said.hidden = said.textContent === "";
    },
  );
  const element = el(
    "section",
    { class: "card stack", "aria-label": "Data" },
    el("h2", {}, "Data"),
    choices,
    progress,
    said,
  );
  return {
    element,
    update: ({ source, stored: kept, dataset, reading, status, adapter }) => {
      element.hidden = status === "failed" && !adapter;
      show(source, kept, dataset, reading, status !== "idle");
    },
  };
};

function readingInWords({ file, done, total }: NonNullable<State["reading"]>): string {
  return `Reading ${file}: ${bytes(done)}${total > 0 ? ` of ${bytes(total)}` : ""}`;
}

export function datasetInWords({
  name,
  synthetic,
  trainImages,
  testImages,
  classes,
  stored,
}: DatasetInfo): string {
  const kind = synthetic ? "shapes, not photographs" : "photographs";
  const kept = stored ? " Kept for the next visit." : "";
  return `${synthetic ? "Built-in drawings" : spoken(name)}: ${count(trainImages)} training and ${count(testImages)} test images of ${classes.length} classes, ${kind}.${kept}`;
}
