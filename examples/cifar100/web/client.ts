/** The page's end of `protocol.ts`: starts the worker, asks it, hears it. */
import type { Answer, Problem, Question, QuestionType, WorkerEvent, WorkerMessage } from "./protocol.ts";

/** A question that was refused. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(`${problem.message} ${problem.advice}`);
    this.problem = problem;
  }
}

interface Pending {
  readonly resolve: (value: Answer<QuestionType>) => void;
  readonly reject: (error: Error) => void;
}

export class WorkerClient {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #heard = false;

  /** @param onEvent hears every event, in order */
  constructor(worker: Worker, onEvent: (event: WorkerEvent) => void) {
    this.#worker = worker;
    worker.addEventListener("message", ({ data }: MessageEvent<WorkerMessage>) => {
      this.#heard = true;
      if (data.type === "answer") this.#take(data.id)?.resolve(data.value);
      else if (data.type === "refusal") this.#take(data.id)?.reject(new ProblemError(data.problem));
      else onEvent(data);
    });
    worker.addEventListener("error", (event) => {
      const message = event.message || "The worker script couldn't be loaded.";
      const problem: Problem = { kind: "failed", message, advice: "Reload the page." };
      for (const { reject } of this.#pending.values()) reject(new ProblemError(problem));
      this.#pending.clear();
      if (!this.#heard) onEvent({ type: "status", status: "failed" });
      onEvent({ type: "problem", problem });
    });
  }

  /**
   * Asks the worker.
   * @param transfer buffers that move to it, such as that of a picture
   * @throws ProblemError
   */
  ask<T extends QuestionType>(
    type: T,
    question: Question<T>,
    transfer: readonly Transferable[] = [],
  ): Promise<Answer<T>> {
    const id = ++this.#lastId;
    return new Promise<Answer<T>>((resolve, reject) => {
      this.#pending.set(id, { resolve: (value) => resolve(value as Answer<T>), reject });
      this.#worker.postMessage({ ...question, id, type }, [...transfer]);
    });
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}

/** The worker of the site, beside `page.js`. */
export function startWorker(): Worker {
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "wgrad" });
}
