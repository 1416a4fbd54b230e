/** What each action makes of the state. */
import type { CurvePoint, DatasetInfo, EpochEntry, ModelInfo, RunSummary, Status } from "../protocol.ts";
import { currentModel } from "./selectors.ts";
import type { Action, NoticeSubject, State } from "./state.ts";

/** Runs whose curves are shown at first. */
const comparedAtFirst = 4;

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "opened": {
      const { adapter, recipes, suggested, stored, notKept } = action;
      const open: State = {
        ...state,
        ...{ adapter, recipes, stored, settings: state.settings ?? suggested },
        source: stored && !state.dataset ? "stored" : state.source,
        notices: state.notices.filter(({ about }) => !isSettledByOpening(about)),
      };
      return notKept === undefined ? open : withNotice(open, { kind: "not-kept", reason: notKept });
    }
    case "status":
      return withStatus(state, action.status);
    case "problem":
      return withNotice(state, { kind: "problem", problem: action.problem });
    case "reading": {
      const { file, done, total } = action;
      return { ...state, reading: { file, done, total } };
    }
    case "dataset": {
      const { dataset } = action;
      const other = dataset.name !== state.dataset?.name;
      return {
        ...state,
        ...{ dataset, reading: undefined, source: sourceOf(state, dataset) },
        ...(dataset.stored && { stored: { name: dataset.name, bytes: bytesOf(dataset) } }),
        ...(other && { firstImage: 0, image: 0, predictions: undefined, activations: undefined }),
      };
    }
    case "runs":
      return withRuns(state, action.runs);
    case "models":
      return withModels(state, action.models);
    case "compiling": {
      const { done, total, kernel } = action;
      return { ...state, compiling: { done, total, kernel } };
    }
    case "progress":
      return { ...state, run: action.progress.run, progress: action.progress };
    case "point":
      return changeRun(state, action.run, (run) => withPoint(run, action.point));
    case "epoch":
      return {
        ...changeRun(state, action.run, (run) => withEpoch(run, action.entry)),
        confusion: { model: "run", of: action.confusion },
      };
    case "snapshot":
      return changeRun(state, action.run, (run) => ({ ...run, resumable: true }));
    case "answering": {
      const { done, total } = action;
      return { ...state, answering: { done, total } };
    }
    case "benchmark": {
      const { done, total, name } = action;
      return { ...state, benchmarking: { done, total, name } };
    }
    case "asked":
      return { ...state, pending: new Set([...state.pending, action.question]) };
    case "settled":
      return {
        ...state,
        pending: new Set([...state.pending].filter((question) => question !== action.question)),
        ...(action.question === "load" && { reading: undefined }),
        ...(action.question === "confusion" && { answering: undefined }),
        ...(action.question === "benchmark" && { benchmarking: undefined }),
      };
    case "result":
      return { ...state, ...action.result };
    case "notice":
      return withNotice(state, action.about);
    case "dismiss":
      return { ...state, notices: state.notices.filter(({ id }) => id !== action.id) };
    case "tab":
      return state.tab === action.tab
        ? state
        : { ...state, tab: action.tab, notices: state.notices.filter(({ about }) => about.kind !== "done") };
    case "edit":
      return state.settings ? { ...state, settings: { ...state.settings, ...action.settings } } : state;
    case "recipe": {
      const recipe = state.recipes.find(({ name }) => name === action.name);
      return recipe ? { ...state, settings: recipe.defaults } : state;
    }
    case "source":
      return { ...state, source: action.source };
    case "forgotten":
      return { ...state, stored: undefined, source: state.source === "stored" ? "synthetic" : state.source };
    case "run":
      return state.run === action.run
        ? state
        : { ...state, run: action.run, progress: undefined, confusion: undefined };
    case "model":
      return { ...state, model: action.model, ...noAnswers };
    case "images":
      return { ...state, firstImage: action.first, image: action.first, predictions: undefined };
    case "image":
      return { ...state, image: action.image };
    case "layer":
      return { ...state, layer: action.layer };
    case "picture":
      return { ...state, picture: action.picture, guesses: undefined };
    case "compare": {
      const others = state.compared.filter((run) => run !== action.run);
      return { ...state, compared: action.shown ? [...others, action.run] : others };
    }
  }
}

/** What another model would say something else about. */
const noAnswers = { filters: undefined, activations: undefined, guesses: undefined, predictions: undefined };

function withModels(state: State, models: readonly ModelInfo[]): State {
  const model = models.some(({ kind }) => kind === state.model) ? state.model : undefined;
  const next = { ...state, models, model };
  return currentModel(next) === currentModel(state) ? next : { ...next, ...noAnswers };
}

function isSettledByOpening(about: NoticeSubject): boolean {
  if (about.kind === "not-kept") return true;
  return about.kind === "problem" && ["no-adapter", "device-lost", "failed"].includes(about.problem.kind);
}

/** Data come for a resumed run too: then nobody chose where from. */
function sourceOf({ source }: State, { synthetic }: DatasetInfo): State["source"] {
  if (synthetic) return "synthetic";
  return source === "synthetic" ? "stored" : source;
}

/** Of the files, unpacked: two labels and the pixels of each image. */
function bytesOf({ trainImages, testImages }: DatasetInfo): number {
  return (2 + 3 * 32 * 32) * (trainImages + testImages);
}

function withStatus(state: State, status: Status): State {
  const compiling = status === "preparing" ? state.compiling : undefined;
  const begins = status === "training" && state.status !== "training";
  // What was wrong with the last attempt isn't any more.
  const notices = begins ? state.notices.filter(({ about }) => about.kind !== "problem") : state.notices;
  return { ...state, status, compiling, notices };
}

function withRuns(state: State, runs: readonly RunSummary[]): State {
  const known = new Set(state.runs.map(({ id }) => id));
  const listed = new Set(runs.map(({ id }) => id));
  const kept = state.compared.filter((id) => listed.has(id));
  const added = runs.filter(({ id }) => !known.has(id)).map(({ id }) => id);
  const compared = [...kept, ...added].slice(0, Math.max(kept.length, comparedAtFirst));
  const run =
    state.run !== undefined && listed.has(state.run)
      ? state.run
      : runs.find(({ status }) => status === "running")?.id;
  return { ...state, runs, compared, run };
}

/** The same message again takes the place of the one before; so does what was done last, or how long the tab was hidden. */
function withNotice(state: State, about: NoticeSubject): State {
  const key = JSON.stringify(about);
  const others = state.notices.filter(
    (notice) =>
      JSON.stringify(notice.about) !== key &&
      !(about.kind === notice.about.kind && (about.kind === "hidden" || about.kind === "done")),
  );
  const id = state.lastNotice + 1;
  return { ...state, lastNotice: id, notices: [...others, { id, about }] };
}

function changeRun(state: State, id: string, change: (run: RunSummary) => RunSummary): State {
  return { ...state, runs: state.runs.map((run) => (run.id === id ? change(run) : run)) };
}

/** A run that went on from a snapshot repeats steps: what it says of them now counts. */
function withPoint(run: RunSummary, point: CurvePoint): RunSummary {
  const curve = run.curve.filter(({ iteration }) => iteration < point.iteration);
  return { ...run, iteration: point.iteration, curve: [...curve, point] };
}

function withEpoch(run: RunSummary, entry: EpochEntry): RunSummary {
  const epochs = run.epochs.filter(({ epoch }) => epoch < entry.epoch);
  return { ...run, iteration: entry.iteration, epochs: [...epochs, entry] };
}
