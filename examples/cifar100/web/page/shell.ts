/** What stands around the tabs: header, messages, the word that is spoken when the state changes. */
import type { Controller } from "./controller.ts";
import { el, setAttribute, setText, whenChanged } from "./dom.ts";
import { percent } from "./format.ts";
import { adapterInWords, stateInWords, toneOf } from "./messages.ts";
import { isTraining } from "./selectors.ts";
import { type State, type TabName, tabNames } from "./state.ts";
import { type Tab, tabsOf } from "./tabs.ts";
import { benchmarkView } from "./views/benchmark.ts";
import { classifyView } from "./views/classify.ts";
import { lookView } from "./views/look.ts";
import { notices } from "./views/notices.ts";
import { runsView } from "./views/runs.ts";
import { trainView } from "./views/train.ts";
import type { MakeView, View } from "./views/view.ts";

const pages: Readonly<Record<TabName, readonly [title: string, make: MakeView]>> = {
  train: ["Train", trainView],
  look: ["Look inside", lookView],
  classify: ["Classify", classifyView],
  runs: ["Runs", runsView],
  benchmark: ["Benchmark", benchmarkView],
};

export function shell(control: Controller): View {
  const views = tabNames.map((name) => ({ name, view: pages[name][1](control) }));
  const tabs: Tab<TabName>[] = views.map(({ name, view }) => ({
    name,
    title: pages[name][0],
    panel: view.element,
  }));
  const { list, panels, show } = tabsOf("Views", tabs, (name) => control.show(name));
  const adapter = el("span", { class: "adapter" });
  const state = el("span", { class: "state", role: "status" });
  const messages = notices(control);
  const showTab = whenChanged((tab: TabName) => {
    show(tab);
    history.replaceState(null, "", `#${tab}`);
  });
  const update = (now: State): void => {
    setText(adapter, adapterInWords(now));
    setText(state, stateInWords(now));
    setAttribute(state, "data-tone", toneOf(now.status));
    messages.update(now);
    showTab(now.tab);
    // The others follow when they come to the front.
    for (const { name, view } of views) if (name === now.tab) view.update(now);
  };
  const header = el("header", { class: "header" }, el("h1", {}, "wgrad in the browser"), adapter, state);
  return {
    element: el("div", {}, header, list, messages.element, el("main", {}, ...panels)),
    update,
  };
}

/** How far the run is, for those who look at another tab of their browser. */
export function titleOf({ status, progress }: State): string {
  const share = progress && isTraining(status) ? `${percent(progress.epoch / progress.epochs)} · ` : "";
  return `${share}wgrad in the browser`;
}
