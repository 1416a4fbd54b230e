/** The worker's side of the protocol: opens the GPU, answers each question once, survives the loss of the device. */
import type { Gpu, GpuOptions } from "wgrad";
import type { Answer, PageMessage, Question, QuestionType, WorkerEvent, WorkerMessage } from "../protocol.ts";
import { loadModel } from "./checkpoints.ts";
import { Context } from "./context.ts";
import { describeAdapter, Gpus } from "./gpus.ts";
import { busy, deviceLost, problemOf, type WorkerProblem } from "./problems.ts";
import { profileTraining } from "./profile.ts";
import { modelQuestions } from "./questions.ts";
import { RunControl } from "./run-control.ts";
import { checkedSettings, recipeInfos, suggestedSettings } from "./settings.ts";
import type { Storage } from "./storage.ts";

export type Handlers = {
  readonly [T in QuestionType]: (question: Question<T>) => Answer<T> | Promise<Answer<T>>;
};

export interface EngineParts extends Storage {
  readonly openGpu: (options: GpuOptions) => Promise<Gpu>;
  /** The model that comes with the page, if one does. */
  readonly fetchPretrained: () => Promise<Uint8Array | undefined>;
  readonly post: (message: WorkerMessage) => void;
}

export class Engine {
  readonly #parts: EngineParts;
  readonly #context: Context;
  readonly #runs: RunControl;
  readonly #handlers: Handlers;
  #loss = new Loss();
  #endBenchmark = new AbortController();

  constructor(parts: EngineParts) {
    this.#parts = parts;
    const gpus = new Gpus(parts.openGpu, (reason) => this.#lose(reason));
    this.#context = new Context(parts.files, gpus, (event) => this.#emit(event));
    this.#runs = new RunControl(this.#context);
    this.#handlers = this.#makeHandlers();
  }

  /** Opens adapter and storage; a problem is told as an event. */
  async open(): Promise<void> {
    const context = this.#context;
    context.status = "opening";
    try {
      context.gpu = await context.gpus.open();
    } catch (error) {
      context.trouble(error);
      context.status = "failed";
      return;
    }
    const adapter = describeAdapter(context.gpu);
    const stored = await context.reader.stored();
    const { notKept } = this.#parts;
    this.#emit({
      type: "opened",
      adapter,
      recipes: recipeInfos,
      suggested: suggestedSettings(adapter.isSoftware),
      ...(stored && { stored: { name: stored.name, bytes: stored.bytes } }),
      ...(notKept !== undefined && { notKept }),
    });
    await this.#runs.tell();
    context.status = "idle";
    this.#loadPretrained().catch(context.trouble);
  }

  /** Answers a message of the page. */
  async hear(message: PageMessage): Promise<void> {
    const { id } = message;
    try {
      const value = await Promise.race([this.#answer(message), this.#loss.promise]);
      this.#parts.post({ type: "answer", id, value });
    } catch (error) {
      this.#parts.post({ type: "refusal", id, problem: problemOf(error) });
    }
  }

  #answer<T extends QuestionType>(
    message: PageMessage & { readonly type: T },
  ): Answer<T> | Promise<Answer<T>> {
    const handle: Handlers[T] = this.#handlers[message.type];
    return handle(message);
  }

  #emit(event: WorkerEvent): void {
    this.#parts.post(event);
  }

  async #loadPretrained(): Promise<void> {
    const bytes = await this.#parts.fetchPretrained();
    const { gpu, shelf } = this.#context;
    if (bytes && gpu) shelf.put(loadModel(gpu, "pretrained", "the pretrained model", bytes));
  }

  #lose(reason: string): void {
    const context = this.#context;
    const problem: WorkerProblem = deviceLost(reason);
    context.gpus.closeAll();
    context.gpu = undefined;
    context.shelf.remove("run", "loaded", "pretrained");
    context.status = "failed";
    context.trouble(problem);
    this.#loss.happen(problem);
    this.#loss = new Loss();
    this.#runs
      .lose()
      .then(() => this.#runs.tell())
      .catch(context.trouble);
  }

  #makeHandlers(): Handlers {
    const [context, runs] = [this.#context, this.#runs];
    const done = async (work: unknown) => {
      await work;
      return null;
    };
    return {
      open: () => {
        if (context.status !== "failed") throw busy("The GPU is open.", "Nothing needs to be done.");
        return done(this.open());
      },
      load: async ({ source }) => {
        context.require("Loading data", "idle");
        const { reader } = context;
        const loaded = await context.during("loading", async () => {
          if (source.kind === "synthetic") return reader.synthetic();
          if (source.kind === "stored") return reader.readStored();
          return reader.readFiles(source.files, source.unofficial !== true);
        });
        return context.useData(loaded);
      },
      forget: () => done(context.reader.forget()),
      start: ({ settings }) => runs.start(settings),
      pause: () => done(runs.halt("paused")),
      resume: ({ run }) => runs.resume(run),
      stop: () => done(runs.halt("stopped")),
      "learning-rate": ({ lr }) => done(runs.setRate(lr)),
      delete: ({ run }) => done(runs.delete(run)),
      ...modelQuestions(context, runs),
      profile: async () => {
        context.require("Profiling", "idle", "paused", "training", "validating");
        const current = runs.current?.record.settings;
        const settings =
          current ?? checkedSettings(suggestedSettings(describeAdapter(context.requireGpu()).isSoftware));
        return this.#onOwnGpu((gpu) => profileTraining(gpu, settings, 100));
      },
      benchmark: async () => {
        context.require("A benchmark", "idle", "paused");
        const { runBenchmark } = await import("./benchmark.ts");
        this.#endBenchmark = new AbortController();
        const { signal } = this.#endBenchmark;
        return context.during("benchmarking", () =>
          this.#onOwnGpu((gpu) =>
            runBenchmark(gpu, signal, (doneCases, total, name) =>
              this.#emit({ type: "benchmark", done: doneCases, total, name }),
            ),
          ),
        );
      },
      "end-benchmark": () => done(this.#endBenchmark.abort()),
    };
  }

  /** With a GPU that is closed after `work`: its memory and kernels are nobody else's. */
  async #onOwnGpu<T>(work: (gpu: Gpu) => Promise<T>): Promise<T> {
    const { gpus } = this.#context;
    const gpu = await gpus.open();
    try {
      return await work(gpu);
    } finally {
      gpus.close(gpu);
    }
  }
}

/** What every question under way is refused with when the device is lost. */
class Loss {
  happen: (problem: WorkerProblem) => void = () => {};
  readonly promise: Promise<never>;

  constructor() {
    this.promise = new Promise((_, reject) => {
      this.happen = reject;
    });
    this.promise.catch(() => {}); // often nobody waits
  }
}
