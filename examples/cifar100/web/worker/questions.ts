/** What the page asks about models: answers, views, checkpoints. */
import type { data } from "wgrad";
import type { Picture } from "../protocol.ts";
import { type Checkpoint, loadModel, saveRun } from "./checkpoints.ts";
import type { Context } from "./context.ts";
import { confusionOf, groupsOf } from "./dataset-info.ts";
import type { Handlers } from "./engine.ts";
import type { LiveModel } from "./models.ts";
import { busy, WorkerProblem } from "./problems.ts";
import type { RunControl } from "./run-control.ts";
import { activationsOf, answersOf, classify, filtersOf, predictImages } from "./views.ts";

type ModelQuestions =
  | "predict"
  | "confusion"
  | "end-confusion"
  | "filters"
  | "activations"
  | "classify"
  | "save"
  | "load-model";

const imageBytes = 32 * 32 * 3;

export function modelQuestions(context: Context, runs: RunControl): Pick<Handlers, ModelQuestions> {
  const { shelf } = context;
  /** The test set in the host's memory, and how many of its images are in use. */
  const testFor = ({ kind }: LiveModel): { readonly test: data.ImageSet; readonly count: number } => {
    const run = kind === "run" ? runs.current : undefined;
    if (run) return { test: run.test, count: run.testCount };
    const test = context.data?.sets.test;
    if (test) return { test, count: test.count };
    throw busy("There are no test images yet.", "Drop or pick CIFAR-100, or take the synthetic set.");
  };
  const pixelsOf = (picture: Picture, live: LiveModel): Uint8Array => {
    if ("pixels" in picture) {
      if (picture.pixels.length === imageBytes) return picture.pixels;
      throw new WorkerProblem(
        "invalid",
        `A picture is ${imageBytes} bytes, but ${picture.pixels.length} came.`,
        "Give 32 x 32 pixels of red, green and blue.",
      );
    }
    const { test } = testFor(live);
    const at = picture.test * imageBytes;
    if (picture.test >= 0 && picture.test < test.count) return test.images.subarray(at, at + imageBytes);
    throw new WorkerProblem("invalid", `There is no test image ${picture.test}.`, `There are ${test.count}.`);
  };
  /** Whether the confusions that are counted aren't wanted any more. */
  let ended = false;
  return {
    predict: ({ model, images }) => {
      const live = shelf.find(model);
      return predictImages(live, testFor(live).test, images);
    },
    confusion: async ({ model }) => {
      const live = shelf.find(model);
      const { test, count } = testFor(live);
      ended = false;
      const answers = await answersOf(live, test, count, (done) => {
        context.emit({ type: "answering", done, total: count });
        return ended;
      });
      return answers ? confusionOf(groupsOf(test), test.labels, answers.classes, count) : null;
    },
    "end-confusion": () => {
      ended = true;
      return null;
    },
    filters: ({ model }) => filtersOf(shelf.find(model)),
    activations: ({ model, picture, layer }) => {
      const live = shelf.find(model);
      return activationsOf(live, pixelsOf(picture, live), layer);
    },
    classify: ({ model, picture }) => {
      const live = shelf.find(model);
      return classify(live, pixelsOf(picture, live));
    },
    save: async ({ model }): Promise<Checkpoint> => {
      const live = shelf.find(model);
      const record = live.kind === "run" ? runs.current?.record : undefined;
      if (record) return saveRun(live, record, live.classes);
      throw new WorkerProblem(
        "invalid",
        "Only a run's model is saved: the others came from files.",
        "Choose the run's model.",
      );
    },
    "load-model": async ({ file }) => {
      const bytes = new Uint8Array(await file.arrayBuffer());
      return shelf.put(loadModel(context.requireGpu(), "loaded", file.name, bytes));
    },
  };
}
