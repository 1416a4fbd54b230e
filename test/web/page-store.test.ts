import { describe, expect, it } from "vitest";
import { shareAbove } from "../../examples/cifar100/web/page/curves.ts";
import { Absence } from "../../examples/cifar100/web/page/hidden.ts";
import { reduce } from "../../examples/cifar100/web/page/reduce.ts";
import { roofOf } from "../../examples/cifar100/web/page/roofline.ts";
import { lossTop } from "../../examples/cifar100/web/page/run-points.ts";
import {
  currentModel,
  fits,
  imagesShown,
  possible,
  shownImages,
  unfinishedRun,
} from "../../examples/cifar100/web/page/selectors.ts";
import { type Action, initialState, type State } from "../../examples/cifar100/web/page/state.ts";
import { createStore } from "../../examples/cifar100/web/page/store.ts";
import type {
  DatasetInfo,
  EpochEntry,
  ModelInfo,
  Problem,
  RunSettings,
  RunSummary,
} from "../../examples/cifar100/web/protocol.ts";

const settings: RunSettings = {
  ...{ recipe: "quick", width: 0.25, batch: 64, lr: 0.05, epochs: 5, seed: 0 },
  ...{ trainLimit: 0, testLimit: 0 },
};
const adapter = { name: "n", isSoftware: false, subgroupSize: 32, timestamps: true };
const opened: Action = {
  ...{ type: "opened", adapter, suggested: settings },
  recipes: [{ name: "long", about: "", defaults: { ...settings, recipe: "long", epochs: 300 } }],
};
const dataset: DatasetInfo = {
  ...{ name: "CIFAR-100", synthetic: false, trainImages: 50_000, testImages: 10_000, stored: true },
  ...{ classes: ["a", "b"], groups: { names: ["x"], ofClass: [0, 0] } },
};
const problem = (kind: Problem["kind"]): Action => ({
  type: "problem",
  problem: { kind, message: "M.", advice: "A." },
});

function run(id: string, status: RunSummary["status"], resumable = true): RunSummary {
  const none = { iteration: 0, epochs: [], curve: [] };
  return {
    id,
    title: id,
    started: "",
    status,
    settings,
    dataset: { name: "", synthetic: false },
    ...none,
    resumable,
  };
}

function model(kind: ModelInfo["kind"], synthetic = false): ModelInfo {
  return { kind, title: kind, classes: ["a", "b"], synthetic, parameters: 1, layers: [] };
}

function stateAfter(...actions: readonly Action[]): State {
  return actions.reduce(reduce, initialState);
}

const entry = (epoch: number, iteration: number): EpochEntry => ({
  ...{ epoch, iteration, loss: 1, accuracy: 0.5, validationLoss: 1, validationAccuracy: 0.5 },
  ...{ lr: 0.1, elapsedSeconds: 1, imagesPerSecond: 1 },
});

describe("the store", () => {
  it("calls its listeners for what changes something, until they have enough", () => {
    const store = createStore<State, Action>(initialState, reduce);
    const seen: string[] = [];
    const end = store.subscribe(({ tab }) => seen.push(tab));
    store.dispatch({ type: "tab", tab: "runs" });
    store.dispatch({ type: "tab", tab: "runs" });
    end();
    store.dispatch({ type: "tab", tab: "look" });
    expect(seen).toEqual(["runs"]);
    expect(store.state.tab).toBe("look");
  });
});

describe("data", () => {
  it("offers what an earlier visit kept, and forgets it", () => {
    const state = stateAfter({ ...opened, stored: { name: "CIFAR-100", bytes: 1 } });
    expect(state.source).toBe("stored");
    expect(reduce(state, { type: "forgotten" })).toMatchObject({ source: "synthetic", stored: undefined });
  });

  it("knows how much is kept of files that were read", () => {
    const state = stateAfter(opened, { type: "source", source: "files" }, { type: "dataset", dataset });
    expect(state.stored).toEqual({ name: "CIFAR-100", bytes: 60_000 * 3074 });
    expect(state.source).toBe("files");
  });

  it("follows the data that a resumed run brings", () => {
    expect(stateAfter(opened, { type: "dataset", dataset }).source).toBe("stored");
    const drawn = { ...dataset, synthetic: true, stored: false };
    expect(
      stateAfter(opened, { type: "source", source: "files" }, { type: "dataset", dataset: drawn }).source,
    ).toBe("synthetic");
  });

  it("drops answers about other images", () => {
    const answered = stateAfter(
      { type: "dataset", dataset },
      { type: "result", result: { predictions: [] } },
    );
    expect(reduce(answered, { type: "dataset", dataset }).predictions).toEqual([]);
    expect(
      reduce(answered, { type: "dataset", dataset: { ...dataset, name: "other" } }).predictions,
    ).toBeUndefined();
  });
});

describe("the form", () => {
  it("keeps what was typed over a device that was opened again", () => {
    const state = stateAfter(opened, { type: "edit", settings: { lr: 0.2 } }, opened);
    expect(state.settings).toEqual({ ...settings, lr: 0.2 });
  });

  it("takes a recipe's settings", () => {
    expect(stateAfter(opened, { type: "recipe", name: "long" }).settings?.epochs).toBe(300);
    expect(stateAfter(opened, { type: "recipe", name: "unknown" }).settings).toEqual(settings);
  });
});

describe("runs", () => {
  const runs = ["5", "4", "3", "2", "1"].map((id) => run(id, "finished"));

  it("compares the newest four, then those that come, and what was chosen", () => {
    const first = stateAfter({ type: "runs", runs });
    expect(first.compared).toEqual(["5", "4", "3", "2"]);
    const chosen = reduce(first, { type: "compare", run: "4", shown: false });
    expect(reduce(chosen, { type: "runs", runs: [run("6", "running"), ...runs] }).compared).toEqual([
      "5",
      "3",
      "2",
      "6",
    ]);
    expect(reduce(chosen, { type: "runs", runs: runs.slice(1) }).compared).toEqual(["3", "2"]);
  });

  it("takes the running one for the current one, an interrupted one only as an offer", () => {
    expect(stateAfter({ type: "runs", runs: [run("2", "running"), run("1", "finished")] }).run).toBe("2");
    const left = stateAfter(
      { type: "runs", runs: [run("2", "interrupted")] },
      { type: "status", status: "idle" },
    );
    expect(left.run).toBeUndefined();
    expect(unfinishedRun(left)?.id).toBe("2");
    expect(possible(reduce(left, { type: "run", run: "2" })).resume).toBe(true);
    const over = stateAfter(
      { type: "runs", runs: [run("2", "interrupted", false)] },
      { type: "status", status: "idle" },
    );
    expect(unfinishedRun(over)).toBeUndefined();
  });

  it("lets a resumed run repeat steps", () => {
    const point = (iteration: number, loss: number): Action => ({
      ...{ type: "point", run: "1", point: { iteration, epoch: iteration / 10, loss, accuracy: 0 } },
    });
    const { runs: changed } = stateAfter(
      { type: "runs", runs: [run("1", "running")] },
      ...[point(5, 4), point(10, 3), point(15, 2), point(10, 2.5)],
      ...[1, 2, 2].map(
        (epoch): Action => ({
          ...{
            type: "epoch",
            run: "1",
            entry: entry(epoch, 10 * epoch),
            confusion: { names: [], counts: [] },
          },
        }),
      ),
    );
    expect(changed[0]?.curve.map(({ loss }) => loss)).toEqual([4, 2.5]);
    expect(changed[0]?.epochs.map(({ epoch }) => epoch)).toEqual([1, 2]);
  });

  it("can do what the status allows, and nothing twice", () => {
    const at = (status: State["status"], ...more: readonly Action[]) =>
      possible(stateAfter(opened, { type: "status", status }, ...more));
    expect(at("idle")).toEqual({ start: true, pause: false, resume: false, stop: false });
    expect(at("training")).toEqual({ start: false, pause: true, resume: false, stop: true });
    expect(at("paused")).toEqual({ start: false, pause: false, resume: true, stop: true });
    expect(at("training", { type: "asked", question: "pause" }).pause).toBe(false);
    expect(
      at("idle", { type: "asked", question: "start" }, { type: "settled", question: "start" }).start,
    ).toBe(true);
    expect(at("failed")).toEqual({ start: false, pause: false, resume: false, stop: false });
  });
});

describe("models", () => {
  it("asks the run's on Train, the chosen one elsewhere", () => {
    const state = stateAfter(
      { type: "models", models: [model("pretrained"), model("run")] },
      { type: "model", model: "pretrained" },
    );
    expect(currentModel(state)?.kind).toBe("run");
    expect(currentModel(reduce(state, { type: "tab", tab: "look" }))?.kind).toBe("pretrained");
    const gone = reduce(reduce(state, { type: "tab", tab: "look" }), {
      type: "models",
      models: [model("run")],
    });
    expect(currentModel(gone)?.kind).toBe("run");
  });

  it("drops what another model said, and keeps it where the model is chosen", () => {
    const guess = { label: 0, name: "a", confidence: 1 };
    const state = stateAfter(
      { type: "models", models: [model("pretrained")] },
      { type: "tab", tab: "classify" },
      { type: "result", result: { guesses: [guess] } },
    );
    const begun: Action = { type: "models", models: [model("run"), model("pretrained")] };
    expect(reduce(state, begun).guesses).toBeUndefined();
    expect(reduce(state, { type: "tab", tab: "runs" }).guesses).toEqual([guess]);
  });

  it("drops an earlier run's confusions when another begins", () => {
    const confusion = { model: "run", of: { names: ["x"], counts: [[1]] } } as const;
    const state = stateAfter({ type: "run", run: "1" }, { type: "result", result: { confusion } });
    expect(reduce(state, { type: "run", run: "1" }).confusion).toEqual(confusion);
    expect(reduce(state, { type: "run", run: "2" }).confusion).toBeUndefined();
  });

  it("asks about images only of a model that knows their classes", () => {
    const models = (synthetic: boolean): Action => ({
      type: "models",
      models: [model("pretrained", synthetic)],
    });
    expect(fits(stateAfter({ type: "dataset", dataset }, models(false)))).toBe(true);
    expect(fits(stateAfter({ type: "dataset", dataset }, models(true)))).toBe(false);
    expect(fits(stateAfter(models(false)))).toBe(false);
  });

  it("shows images that there are", () => {
    const small = { ...dataset, testImages: 30 };
    expect(
      shownImages(stateAfter({ type: "dataset", dataset: small }, { type: "images", first: 20 }))[0],
    ).toBe(30 - imagesShown);
    expect(shownImages(initialState)).toEqual([]);
  });
});

describe("notices", () => {
  it("say the same thing once, and go when they are closed or a run begins", () => {
    const twice = stateAfter(problem("busy"), problem("memory"), problem("busy"));
    expect(twice.notices.map(({ id }) => id)).toEqual([2, 3]);
    expect(reduce(twice, { type: "dismiss", id: 2 }).notices).toHaveLength(1);
    expect(reduce(twice, { type: "status", status: "training" }).notices).toEqual([]);
  });

  it("go with a device that is opened again", () => {
    const lost = stateAfter(problem("device-lost"), problem("wrong-file"), opened);
    expect(lost.notices.map(({ id }) => id)).toEqual([2]);
    expect(stateAfter({ ...opened, notKept: "Another tab has it." }).notices).toHaveLength(1);
  });

  it("say what was done last until another tab is shown", () => {
    const done = (message: string): Action => ({ type: "notice", about: { kind: "done", message } });
    const state = stateAfter(done("Rate 0.1."), problem("memory"), done("Rate 0.2."));
    expect(state.notices.map(({ id }) => id)).toEqual([2, 3]);
    expect(reduce(state, { type: "tab", tab: "look" }).notices.map(({ id }) => id)).toEqual([2]);
  });

  it("tell what a run did while the tab was hidden", () => {
    const store = createStore<State, Action>(
      stateAfter(opened, { type: "status", status: "training" }),
      reduce,
    );
    let time = 0;
    const absence = new Absence(store, () => time);
    const progress = (iteration: number): Action => ({
      type: "progress",
      progress: { run: "1", phase: "training", epoch: 1, epochs: 2, iteration, lr: 0.1, validated: 0 },
    });
    store.dispatch(progress(100));
    absence.changed(true);
    time = 5000;
    absence.changed(false);
    expect(store.state.notices).toEqual([]); // too short for a word
    absence.changed(true);
    store.dispatch(progress(150));
    time = 65_000;
    absence.changed(false);
    expect(store.state.notices.map(({ about }) => about)).toEqual([
      { kind: "hidden", seconds: 60, steps: 50 },
    ]);
  });
});

describe("axes", () => {
  it.each([
    [0, 0.05],
    [0.05, 0.05],
    [0.07, 0.1],
    [0.2, 0.25],
    [0.686, 1],
    [1, 1],
    [Number.NaN, 1],
  ])("for shares up to %s end at %s", (most, end) => expect(shareAbove(most)).toBe(end));

  it("of losses end at twice the training's largest, whatever the first validation's is", () => {
    const curve = [4.7, 4.4].map((loss, k) => ({ iteration: k, epoch: k, loss, accuracy: 0 }));
    expect(lossTop([{ curve }, { curve: [] }])).toBe(10);
    expect(lossTop([])).toBe(Number.POSITIVE_INFINITY);
  });

  it("of a roofline hold the roof's corners that lie on them", () => {
    const peaks = { gflops: 30, gigabytesPerSecond: 2 };
    expect(roofOf(peaks, 0.1, 1000)).toEqual([
      [0.1, 0.2],
      [15, 30],
      [1000, 30],
    ]);
    expect(roofOf(peaks, 0.1, 10)).toEqual([
      [0.1, 0.2],
      [10, 20],
    ]);
  });
});
