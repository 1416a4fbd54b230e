/** What follows from the state. */
import type { LayerInfo, ModelInfo, ModelKind, RunSummary, Status } from "../protocol.ts";
import type { State } from "./state.ts";

/** Test images in the grid. */
export const imagesShown = 24;

/** A run is under way, or being made ready. */
export function isBusy(status: Status): boolean {
  return ["loading", "preparing", "training", "validating", "pausing", "benchmarking"].includes(status);
}

export function isTraining(status: Status): boolean {
  return status === "training" || status === "validating";
}

/** What the buttons of a run can do now. */
export function possible(state: State): {
  readonly start: boolean;
  readonly pause: boolean;
  readonly resume: boolean;
  readonly stop: boolean;
} {
  const { status, settings, pending } = state;
  const under = isTraining(status) || status === "preparing";
  const waiting = ["start", "resume", "load", "pause", "stop"].some((question) =>
    [...pending].some((asked) => asked === question),
  );
  return {
    start: status === "idle" && settings !== undefined && !waiting,
    pause: under && !waiting,
    resume: (status === "paused" || (status === "idle" && isResumable(currentRun(state)))) && !waiting,
    stop: (under || status === "paused") && !waiting,
  };
}

/** The run under way, or the last one. */
export function currentRun({ runs, run }: State): RunSummary | undefined {
  return runs.find(({ id }) => id === run);
}

export function isResumable(run: RunSummary | undefined): boolean {
  return run?.resumable === true && run.status !== "finished";
}

/** One that an earlier visit left: to be offered while nothing runs. */
export function unfinishedRun({ runs, status, run }: State): RunSummary | undefined {
  if (status !== "idle" || run !== undefined) return undefined;
  return runs.find(
    (entry) => isResumable(entry) && (entry.status === "interrupted" || entry.status === "paused"),
  );
}

/** Which model answers: on Train that of the run, elsewhere the chosen one, or what the worker takes by itself. */
export function currentModel({ models, model: chosen, tab }: State): ModelInfo | undefined {
  const model = tab === "train" ? undefined : chosen;
  const order: readonly (ModelKind | undefined)[] = [model, "run", "loaded", "pretrained"];
  for (const kind of order) {
    const found = models.find((entry) => entry.kind === kind);
    if (found) return found;
  }
  return undefined;
}

/** The chosen layer, or the first convolution. */
export function currentLayer(state: State): LayerInfo | undefined {
  const layers = currentModel(state)?.layers ?? [];
  return layers.find(({ path }) => path === state.layer) ?? layers[0];
}

/** Whether the current model knows the data set's classes. */
export function fits(state: State): boolean {
  const { dataset } = state;
  const model = currentModel(state);
  return (
    !!dataset &&
    !!model &&
    dataset.synthetic === model.synthetic &&
    dataset.classes.length === model.classes.length
  );
}

/** Places in the test set of the images that are shown. */
export function shownImages({ dataset, firstImage }: State): number[] {
  const most = dataset?.testImages ?? 0;
  const first = Math.min(firstImage, Math.max(0, most - imagesShown));
  return Array.from({ length: Math.min(imagesShown, most) }, (_, k) => first + k);
}
