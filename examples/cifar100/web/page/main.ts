/** Starts the worker and draws what it tells. */
import { startWorker, WorkerClient } from "../client.ts";
import { Controller } from "./controller.ts";
import { Absence } from "./hidden.ts";
import { reduce } from "./reduce.ts";
import { shell, titleOf } from "./shell.ts";
import { type Action, initialState, type State, tabNames } from "./state.ts";
import { createStore } from "./store.ts";

/** Between two looks at what the model of a run that trains says. */
const refreshMs = 3000;

const tab = tabNames.find((name) => location.hash === `#${name}`) ?? initialState.tab;
const store = createStore<State, Action>({ ...initialState, tab }, reduce);
const client = new WorkerClient(startWorker(), (event) => {
  store.dispatch(event);
  control.after(event);
});
const control = new Controller(client.ask.bind(client), store);
const page = shell(control);
document.body.append(page.element);

let drawing = false;
function draw(): void {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    page.update(store.state);
  });
}
store.subscribe((state) => {
  const title = titleOf(state);
  if (title !== document.title) document.title = title; // a hidden page draws no frames
  draw();
});
draw();

const absence = new Absence(store);
document.addEventListener("visibilitychange", () => absence.changed(document.hidden));
setInterval(() => {
  if (!document.hidden) control.follow();
}, refreshMs);

// A file that misses its place must not take the page's.
for (const type of ["dragover", "drop"]) document.addEventListener(type, (event) => event.preventDefault());
