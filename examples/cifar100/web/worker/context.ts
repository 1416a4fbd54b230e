/** What the parts of the worker share. */
import type { Gpu } from "wgrad";
import type { DatasetInfo, Status, WorkerEvent } from "../protocol.ts";
import { describeData } from "./dataset-info.ts";
import type { Files } from "./files.ts";
import type { Gpus } from "./gpus.ts";
import { busy, problemOf } from "./problems.ts";
import { DataReader, type LoadedData } from "./read-data.ts";
import { Shelf } from "./shelf.ts";

export class Context {
  readonly files: Files;
  readonly gpus: Gpus;
  readonly emit: (event: WorkerEvent) => void;
  readonly shelf: Shelf;
  readonly reader: DataReader;
  /** The data set in the host's memory. */
  data: LoadedData | undefined;
  /** For models that aren't a run's. */
  gpu: Gpu | undefined;
  #status: Status = "opening";

  constructor(files: Files, gpus: Gpus, emit: (event: WorkerEvent) => void) {
    this.files = files;
    this.gpus = gpus;
    this.emit = emit;
    this.shelf = new Shelf((models) => emit({ type: "models", models }));
    const onReading = (file: string, done: number, total: number) =>
      emit({ type: "reading", file, done, total });
    this.reader = new DataReader(files, onReading, this.trouble);
  }

  get status(): Status {
    return this.#status;
  }

  set status(status: Status) {
    if (status === this.#status) return;
    this.#status = status;
    this.emit({ type: "status", status });
  }

  /** Tells what went wrong without an end of anything. */
  readonly trouble = (error: unknown): void => {
    this.emit({ type: "problem", problem: problemOf(error) });
  };

  /** @throws WorkerProblem of kind "busy" in another status */
  require(what: string, ...allowed: readonly Status[]): void {
    if (allowed.includes(this.#status)) return;
    const advice: Partial<Record<Status, string>> = {
      opening: "Wait until the GPU is open.",
      failed: "Open the GPU again first.",
      idle: "Start or resume a run first.",
      paused: "Resume or stop the run first.",
      benchmarking: "Wait for the benchmark, or end it.",
    };
    throw busy(
      `${what} isn't possible now (${this.#status}).`,
      advice[this.#status] ?? "Pause or stop the run first.",
    );
  }

  /** Runs `work` in a status of its own, and returns to the one before. */
  async during<T>(status: Status, work: () => Promise<T>): Promise<T> {
    const before = this.#status;
    this.status = status;
    try {
      return await work();
    } finally {
      if (this.#status === status) this.status = before;
    }
  }

  useData(loaded: LoadedData): DatasetInfo {
    this.data = loaded;
    const dataset = describeData(loaded);
    this.emit({ type: "dataset", dataset });
    return dataset;
  }

  /** The GPU of models that aren't a run's. @throws WorkerProblem */
  requireGpu(): Gpu {
    if (this.gpu) return this.gpu;
    throw busy("The GPU isn't open.", "Open it again first.");
  }
}
