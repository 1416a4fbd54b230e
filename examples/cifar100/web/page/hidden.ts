/** Tells, when the reader comes back to the tab, what a run did while it was hidden: browsers slow down or stop what nobody sees. */
import { isTraining } from "./selectors.ts";
import type { Action, State } from "./state.ts";
import type { Store } from "./store.ts";

/** Shorter absences aren't worth a word. */
const leastSeconds = 10;

/** @param now milliseconds */
export class Absence {
  readonly #store: Store<State, Action>;
  readonly #now: () => number;
  #since: { readonly time: number; readonly iteration: number } | undefined;

  constructor(store: Store<State, Action>, now: () => number = () => performance.now()) {
    this.#store = store;
    this.#now = now;
  }

  changed(hidden: boolean): void {
    const { status, progress } = this.#store.state;
    if (hidden) {
      this.#since = isTraining(status)
        ? { time: this.#now(), iteration: progress?.iteration ?? 0 }
        : undefined;
      return;
    }
    const since = this.#since;
    this.#since = undefined;
    if (!since) return;
    const seconds = (this.#now() - since.time) / 1000;
    if (seconds < leastSeconds) return;
    const steps = Math.max(0, (progress?.iteration ?? 0) - since.iteration);
    this.#store.dispatch({ type: "notice", about: { kind: "hidden", seconds: Math.round(seconds), steps } });
  }
}
