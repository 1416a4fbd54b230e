/** The run under way: its buttons, how far it is, how fast, and its learning rate. */
import type { Progress, RunSummary } from "../../protocol.ts";
import { el, setAttribute, setText, uniqueId, whenChanged } from "../dom.ts";
import { count, digits, duration, percent } from "../format.ts";
import { stateInWords } from "../messages.ts";
import { currentRun, possible, unfinishedRun } from "../selectors.ts";
import type { State } from "../state.ts";
import { button, figures, type MakeView } from "./view.ts";

export const runPanel: MakeView = (control) => {
  const title = el("h2");
  const pause = button("Pause", () => void control.pause(), { iconName: "pause" });
  const resume = button("Resume", () => void control.resume(currentRun(control.state)?.id), {
    iconName: "play",
    look: "primary",
  });
  const stop = button("Stop", () => void control.stop(), { iconName: "stop" });
  const progress = el("progress", {
    class: "progress",
    max: 1,
    value: 0,
    "aria-label": "Progress of the run",
  });
  const line = el("p", { class: "small muted" });
  const numbers = figures(["Images/s", "Time left", "Loss", "Accuracy", "Validation"] as const);
  const rate = learningRate((lr) => void control.setLearningRate(lr));

  const earlier = el("p");
  let unfinished: RunSummary | undefined;
  const goOn = button("Go on", () => unfinished && void control.resume(unfinished.id), {
    ...{ iconName: "play", look: "primary" },
  });
  const offer = el("div", { class: "card row" }, earlier, goOn);
  const panel = el(
    "section",
    { class: "card stack", "aria-label": "The run" },
    el("div", { class: "row" }, title, el("div", { class: "buttons" }, pause, resume, stop)),
    el("div", {}, progress, line),
    numbers.element,
    rate.element,
  );
  const showOffer = whenChanged((run: RunSummary | undefined) => {
    unfinished = run;
    offer.hidden = !run;
    if (run)
      setText(earlier, `“${run.title}” isn't done: ${epochsDone(run)} of ${run.settings.epochs} epochs.`);
  });
  const showRun = whenChanged((run: RunSummary | undefined) => {
    panel.hidden = run === undefined;
    if (run) setText(title, run.title);
  });
  const showNumbers = whenChanged((run: RunSummary | undefined, now: Progress | undefined, over: boolean) => {
    const last = run?.epochs.at(-1);
    const live = now?.run === run?.id ? now : undefined;
    numbers.set({
      "Images/s": digits(live?.imagesPerSecond ?? last?.imagesPerSecond),
      "Time left": duration(over ? undefined : live?.secondsLeft),
      Loss: digits(live?.loss ?? last?.loss),
      Accuracy: percent(live?.accuracy ?? last?.accuracy),
      Validation: percent(last?.validationAccuracy),
    });
    if (run) rate.show(live?.lr ?? last?.lr ?? run.settings.lr, run.id);
  });
  const element = el("div", { class: "stack" }, offer, panel);
  return {
    element,
    update: (state) => {
      const run = currentRun(state);
      const can = possible(state);
      const left = unfinishedRun(state);
      element.hidden = (run ?? left) === undefined;
      showOffer(left);
      showRun(run);
      const over = state.status === "idle" || state.status === "failed";
      showNumbers(run, state.progress, over);
      pause.hidden = over || state.status === "paused";
      resume.hidden = state.status !== "paused" && !can.resume;
      stop.hidden = over;
      pause.disabled = !can.pause;
      resume.disabled = !can.resume;
      stop.disabled = !can.stop;
      rate.enable(can.stop);
      rate.element.hidden = over;
      setAttribute(progress, "value", shareDone(state, run));
      setText(line, lineOf(state, run));
    },
  };
};

/** A field that changes the rate while the run goes on. */
function learningRate(onChange: (lr: number) => void) {
  const input = el("input", {
    ...{
      id: uniqueId("rate"),
      "aria-label": "Learning rate of the run",
      type: "number",
      min: 0,
      step: "any",
      required: true,
      inputmode: "decimal",
    },
  });
  const set = button("Set", () => {}, { type: "submit" });
  const now = el("span", { class: "hint" });
  const element = el(
    "form",
    {
      class: "inline",
      onsubmit: (event) => {
        event.preventDefault();
        if (input.validity.valid) onChange(input.valueAsNumber);
      },
    },
    el("label", { for: input.id }, "Learning rate"),
    input,
    set,
    now,
  );
  let shownFor: string | undefined;
  return {
    element,
    enable: (enabled: boolean) => {
      input.disabled = !enabled;
      set.disabled = !enabled;
    },
    /** The field itself is left to the user, once a run has begun. */
    show: (lr: number, run: string) => {
      setText(now, `now ${digits(lr)}`);
      if (run !== shownFor) input.value = String(Number(lr.toPrecision(6)));
      shownFor = run;
    },
  };
}

function epochsDone({ epochs }: RunSummary): number {
  return epochs.at(-1)?.epoch ?? 0;
}

/** Undefined, a bar without an end, while kernels are compiled. */
function shareDone({ status, progress, compiling }: State, run: RunSummary | undefined): number | undefined {
  if (status === "preparing")
    return compiling && compiling.done > 0 ? compiling.done / compiling.total : undefined;
  if (progress && progress.run === run?.id) return progress.epoch / progress.epochs;
  return run ? epochsDone(run) / run.settings.epochs : 0;
}

function lineOf(state: State, run: RunSummary | undefined): string {
  const { status, compiling, progress } = state;
  if (status === "preparing") {
    return compiling
      ? `Compiling kernels: ${compiling.done} of ${compiling.total}${compiling.kernel && ` (${compiling.kernel})`}`
      : "Making the model";
  }
  if (!run) return "";
  if (status === "idle" || status === "failed")
    return `${endInWords[run.status]} after ${epochsDone(run)} of ${run.settings.epochs} epochs.`;
  if (!progress || progress.run !== run.id) return stateInWords(state);
  const validation = status === "validating" ? `, ${percent(progress.validated)} of the test images` : "";
  return `${stateInWords(state)}${validation}, step ${count(progress.iteration)}`;
}

const endInWords: Readonly<Record<RunSummary["status"], string>> = {
  running: "Ended",
  paused: "Paused",
  stopped: "Stopped",
  finished: "Finished",
  interrupted: "Interrupted",
};
