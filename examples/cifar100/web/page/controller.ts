/** What the page's buttons do: ask the worker, put its answers and problems into the state. */
import { ProblemError, type WorkerClient } from "../client.ts";
import type {
  Answer,
  DataSource,
  ModelKind,
  Picture,
  Problem,
  Question,
  QuestionType,
  WorkerEvent,
} from "../protocol.ts";
import { download } from "./download.ts";
import { pictureOf } from "./picture.ts";
import { currentLayer, currentModel, fits, isTraining, shownImages } from "./selectors.ts";
import type { Action, SourceKind, State } from "./state.ts";
import type { Store } from "./store.ts";

export type Ask = WorkerClient["ask"];

export class Controller {
  readonly #ask: Ask;
  readonly #store: Store<State, Action>;

  constructor(ask: Ask, store: Store<State, Action>) {
    this.#ask = ask;
    this.#store = store;
  }

  get state(): State {
    return this.#store.state;
  }

  dispatch(action: Action): void {
    this.#store.dispatch(action);
  }

  /** What an event asks for beside its place in the state. */
  after(event: WorkerEvent): void {
    if (event.type === "models" || event.type === "dataset" || event.type === "epoch") this.refresh();
    if (event.type === "status" && (event.status === "paused" || event.status === "idle")) this.refresh();
  }

  /** Asks again for what the tab in front shows. */
  refresh(): void {
    const { tab } = this.state;
    if (tab === "train" || tab === "look") void this.predict();
    if (tab === "look") {
      void this.filters();
      void this.activations();
    }
    if (tab === "classify") void this.classify();
  }

  /** The same while a run trains: only what is cheap. */
  follow(): void {
    const { status, tab } = this.state;
    if (!isTraining(status)) return;
    if (tab === "train" || tab === "look") void this.predict();
    if (tab === "classify") void this.classify();
  }

  show(tab: State["tab"]): void {
    this.dispatch({ type: "tab", tab });
    this.refresh();
  }

  // ---- Device, data ----

  open(): Promise<unknown> {
    return this.#try("open", {});
  }

  /** Takes a kind of data; what needs no file is read at once. */
  chooseSource(source: SourceKind): void {
    this.dispatch({ type: "source", source });
    if (source !== "files") void this.load({ kind: source });
  }

  /** What is chosen, for those who want to see it before they start a run. */
  loadChosen(): void {
    const { source } = this.state;
    if (source !== "files") void this.load({ kind: source });
  }

  /** @param unofficial whether sets of other sizes and contents are taken too */
  loadFiles(files: readonly File[], unofficial: boolean): void {
    this.dispatch({ type: "source", source: "files" });
    void this.load({ kind: "files", files, unofficial });
  }

  load(source: DataSource): Promise<Answer<"load"> | undefined> {
    return this.#try("load", { source });
  }

  async forget(): Promise<void> {
    if ((await this.#try("forget", {})) === null) this.dispatch({ type: "forgotten" });
  }

  // ---- Runs ----

  async start(): Promise<void> {
    const { dataset, settings, source } = this.state;
    if (!settings) return;
    if (!dataset) {
      if (source === "files") {
        const advice = "Drop an archive on the page, or choose the built-in set.";
        this.#problem({ kind: "busy", message: "There are no data yet.", advice });
        return;
      }
      if (!(await this.load({ kind: source }))) return;
    }
    this.#entered(await this.#try("start", { settings }));
  }

  pause(): Promise<unknown> {
    return this.#try("pause", {});
  }

  /** Goes on with the paused run, or with the named one. */
  async resume(run?: string): Promise<void> {
    if (run !== undefined) this.show("train");
    this.#entered(await this.#try("resume", run === undefined ? {} : { run }));
  }

  stop(): Promise<unknown> {
    return this.#try("stop", {});
  }

  async setLearningRate(lr: number): Promise<void> {
    if ((await this.#try("learning-rate", { lr })) === null) {
      this.#done(`The learning rate is ${lr} from the next step on.`);
    }
  }

  delete(run: string): Promise<unknown> {
    return this.#try("delete", { run });
  }

  #entered(answer: { readonly run: string } | undefined): void {
    if (answer) this.dispatch({ type: "run", run: answer.run });
  }

  // ---- What models see ----

  chooseModel(model: ModelKind): void {
    this.dispatch({ type: "model", model });
    this.refresh();
  }

  chooseImages(first: number): void {
    this.dispatch({ type: "images", first });
    this.refresh();
  }

  chooseImage(image: number): void {
    this.dispatch({ type: "image", image });
    void this.activations();
  }

  chooseLayer(layer: string): void {
    this.dispatch({ type: "layer", layer });
    void this.activations();
  }

  async predict(): Promise<void> {
    const predictions = await this.#inPassing("predict", () => {
      const images = shownImages(this.state);
      return this.#model && images.length > 0 && fits(this.state) ? { ...this.#model, images } : undefined;
    });
    if (predictions) this.dispatch({ type: "result", result: { predictions } });
  }

  async filters(): Promise<void> {
    const filters = await this.#inPassing("filters", () => this.#model);
    if (filters) this.dispatch({ type: "result", result: { filters } });
  }

  async activations(): Promise<void> {
    const activations = await this.#inPassing("activations", () => {
      const [picture, layer] = [this.#shownPicture(), currentLayer(this.state)?.path];
      return this.#model && picture && layer !== undefined ? { ...this.#model, picture, layer } : undefined;
    });
    if (activations) this.dispatch({ type: "result", result: { activations } });
  }

  async confusion(): Promise<void> {
    const model = currentModel(this.state)?.kind;
    if (!model) return;
    const of = await this.#try("confusion", { model });
    if (of) this.dispatch({ type: "result", result: { confusion: { model, of } } });
  }

  endConfusion(): Promise<unknown> {
    return this.#try("end-confusion", {});
  }

  async profile(): Promise<void> {
    const profile = await this.#try("profile", {});
    if (profile) this.dispatch({ type: "result", result: { profile } });
  }

  async choosePicture(file: File): Promise<void> {
    try {
      this.dispatch({ type: "picture", picture: { name: file.name, pixels: await pictureOf(file) } });
    } catch {
      const message = `'${file.name}' can't be read as a picture.`;
      this.#problem({ kind: "wrong-file", message, advice: "Choose a JPEG, PNG, WebP, GIF or AVIF file." });
      return;
    }
    await this.classify();
  }

  async classify(): Promise<void> {
    const guesses = await this.#inPassing("classify", () => {
      const { picture } = this.state;
      return this.#model && picture && { ...this.#model, picture: { pixels: picture.pixels } };
    });
    if (guesses) this.dispatch({ type: "result", result: { guesses } });
  }

  async save(): Promise<void> {
    const file = await this.#try("save", this.#model ?? {});
    if (!file) return;
    download(file.name, file.bytes);
    this.#done(
      `${file.name} goes to your downloads. Node reads it too: npm run cifar100 -- --evaluate ${file.name}`,
    );
  }

  async loadModel(file: File): Promise<void> {
    const model = await this.#try("load-model", { file });
    if (model) this.chooseModel(model.kind);
  }

  // ---- Benchmarks ----

  async benchmark(): Promise<void> {
    const benchmark = await this.#try("benchmark", {});
    if (benchmark) this.dispatch({ type: "result", result: { benchmark } });
  }

  endBenchmark(): Promise<unknown> {
    return this.#try("end-benchmark", {});
  }

  /** Whether the text is in the clipboard now. */
  async copy(text: string): Promise<boolean> {
    try {
      await navigator.clipboard.writeText(text);
      this.#done("The result is in the clipboard.");
      return true;
    } catch {
      return false;
    }
  }

  // ---- Asking ----

  get #model(): { readonly model: ModelKind } | undefined {
    const model = currentModel(this.state);
    return model && { model: model.kind };
  }

  #shownPicture(): Picture | undefined {
    const { dataset, image, picture } = this.state;
    if (dataset) return { test: image };
    return picture && { pixels: picture.pixels };
  }

  #done(message: string): void {
    this.dispatch({ type: "notice", about: { kind: "done", message } });
  }

  #problem(problem: Problem): void {
    this.dispatch({ type: "problem", problem });
  }

  /** @returns undefined where it was refused; then a notice says why. */
  async #try<T extends QuestionType>(type: T, question: Question<T>): Promise<Answer<T> | undefined> {
    this.dispatch({ type: "asked", question: type });
    try {
      return await this.#ask(type, question);
    } catch (error) {
      this.#problem(problemOf(error));
      return undefined;
    } finally {
      this.dispatch({ type: "settled", question: type });
    }
  }

  /**
   * The same for what nobody asked for: one at a time, no word where it doesn't fit what goes on, and asked again where something else
   * was chosen before the answer came.
   */
  async #inPassing<T extends QuestionType>(
    type: T,
    question: () => Question<T> | undefined,
  ): Promise<Answer<T> | undefined> {
    const asked = question();
    if (!asked || this.state.pending.has(type)) return undefined;
    const subject = subjectOf(this.state);
    let answer: Answer<T> | undefined;
    this.dispatch({ type: "asked", question: type });
    try {
      answer = await this.#ask(type, asked);
    } catch (error) {
      const problem = problemOf(error);
      if (problem.kind !== "busy") this.#problem(problem);
    } finally {
      this.dispatch({ type: "settled", question: type });
    }
    const isSame = subjectOf(this.state).every((part, k) => part === subject[k]);
    return isSame ? answer : this.#inPassing(type, question);
  }
}

/** What answers are about: another model, image, layer or picture has others. */
function subjectOf(state: State): readonly unknown[] {
  const { dataset, firstImage, image, layer, picture } = state;
  return [currentModel(state), dataset, firstImage, image, layer, picture];
}

function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  const message = error instanceof Error ? error.message : String(error);
  return { kind: "failed", message, advice: "Reload the page." };
}
