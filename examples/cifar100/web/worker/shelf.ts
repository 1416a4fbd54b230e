/** The models that can be asked. */
import type { ModelInfo, ModelKind } from "../protocol.ts";
import { describeModel, type LiveModel } from "./models.ts";
import { WorkerProblem } from "./problems.ts";

interface Entry {
  readonly live: LiveModel;
  readonly info: ModelInfo;
}

const order: readonly ModelKind[] = ["run", "loaded", "pretrained"];

export class Shelf {
  readonly #entries = new Map<ModelKind, Entry>();
  readonly #onChange: (models: readonly ModelInfo[]) => void;

  constructor(onChange: (models: readonly ModelInfo[]) => void) {
    this.#onChange = onChange;
  }

  get models(): ModelInfo[] {
    return order.flatMap((kind) => this.#entries.get(kind)?.info ?? []);
  }

  put(live: LiveModel): ModelInfo {
    const info = describeModel(live);
    this.#entries.set(live.kind, { live, info });
    this.#onChange(this.models);
    return info;
  }

  remove(...kinds: readonly ModelKind[]): void {
    const removed = kinds.filter((kind) => this.#entries.delete(kind));
    if (removed.length > 0) this.#onChange(this.models);
  }

  has(kind: ModelKind): boolean {
    return this.#entries.has(kind);
  }

  /** The one that's asked for, or the first there is. @throws WorkerProblem */
  find(kind?: ModelKind): LiveModel {
    const entry = this.#entries.get(kind ?? order.find((each) => this.#entries.has(each)) ?? "run");
    if (entry) return entry.live;
    throw new WorkerProblem(
      "invalid",
      kind === undefined || kind === "run" ? "There is no model yet." : `There is no ${kind} model.`,
      "Start a run or load a checkpoint.",
    );
  }
}
