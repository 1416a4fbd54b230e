/** The worker's engine in this process, with the page's questions as function calls. */
import { createGpu, data, type Gpu, type GpuOptions } from "wgrad";
import type {
  Answer,
  PageMessage,
  Problem,
  Question,
  QuestionType,
  RunSettings,
  Status,
  WorkerEvent,
  WorkerMessage,
} from "../../../examples/cifar100/web/protocol.ts";
import { Engine, type EngineParts } from "../../../examples/cifar100/web/worker/engine.ts";
import { MemoryFiles } from "../../../examples/cifar100/web/worker/files.ts";
import { encodeCifar100 } from "../../../src/data/cifar-binary.ts";
import { tarGz } from "../../data/archives.ts";

/** A narrow network on few images: a second or two. */
export const tiny: RunSettings = {
  ...{ recipe: "quick", width: 1 / 16, batch: 16, lr: 0.05, epochs: 2, seed: 0, trainLimit: 0, testLimit: 0 },
};

export const { train, test } = data.syntheticCifar100({ trainCount: 48, testCount: 20 });

/** A set of few images in CIFAR-100's format. */
export function smallArchive(): File {
  const entries = [
    { name: "cifar-100-binary/train.bin", body: encodeCifar100(train) },
    { name: "cifar-100-binary/test.bin", body: encodeCifar100(test) },
  ];
  return new File([new Uint8Array(tarGz(entries))], "small.tar.gz");
}

export class Refusal extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(`${problem.kind}: ${problem.message} ${problem.advice}`);
    this.problem = problem;
  }
}

export class Harness {
  readonly events: WorkerEvent[] = [];
  readonly gpus: Gpu[] = [];
  readonly engine: Engine;
  readonly files: MemoryFiles;
  readonly #answers = new Map<number, (message: WorkerMessage) => void>();
  readonly #waiting = new Set<() => void>();
  #lastId = 0;

  constructor(files = new MemoryFiles(), parts: Partial<EngineParts> = {}) {
    this.files = files;
    const openGpu = async (options: GpuOptions) => {
      const gpu = await createGpu(options);
      this.gpus.push(gpu);
      return gpu;
    };
    const post = (message: WorkerMessage) => this.#hear(message);
    this.engine = new Engine({ files, openGpu, fetchPretrained: async () => undefined, post, ...parts });
  }

  /** An engine with the small set. */
  static async open(files?: MemoryFiles, parts?: Partial<EngineParts>): Promise<Harness> {
    const harness = new Harness(files, parts);
    await harness.engine.open();
    return harness;
  }

  ask<T extends QuestionType>(type: T, question: Question<T>): Promise<Answer<T>> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#answers.set(id, (message) => {
        if (message.type === "answer") resolve(message.value as Answer<T>);
        else if (message.type === "refusal") reject(new Refusal(message.problem));
      });
      void this.engine.hear({ ...question, id, type } as PageMessage);
    });
  }

  async load(): Promise<void> {
    await this.ask("load", { source: { kind: "files", files: [smallArchive()], unofficial: true } });
  }

  /** The problem that a question is refused with, in words. */
  async refusal<T extends QuestionType>(type: T, question: Question<T>): Promise<string> {
    try {
      await this.ask(type, question);
      return "answered";
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  get status(): Status | undefined {
    return this.of("status").at(-1)?.status;
  }

  of<T extends WorkerEvent["type"]>(type: T): Extract<WorkerEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<WorkerEvent, { type: T }> => event.type === type);
  }

  /** Waits until `isThere` after some event. */
  until(isThere: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isThere()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  ended(): Promise<void> {
    return this.until(() => this.status === "idle");
  }

  close(): void {
    for (const gpu of this.gpus) gpu.destroy();
  }

  #hear(message: WorkerMessage): void {
    if (message.type === "answer" || message.type === "refusal") {
      this.#answers.get(message.id)?.(message);
      this.#answers.delete(message.id);
      return;
    }
    this.events.push(structuredClone(message));
    for (const look of [...this.#waiting]) look();
  }
}
