/** Finds out on whose behalf launches are given. An op says its name once it has given its commands: what nobody has claimed by then is its own. */
import type { Origin } from "../../gpu/origin.ts";
import type { Spectator } from "../spectator.ts";
import type { Tensor } from "../tensor.ts";
import type { MemoryLog } from "./memory-log.ts";

export class Origins implements Spectator {
  /** The module that made an output. */
  readonly #modules = new WeakMap<Tensor, string>();
  readonly #memory: MemoryLog;
  readonly #where: () => string;
  #unclaimed: Origin[] = [];
  #backward: Origin | undefined;

  /** @param where the module that runs now */
  constructor(memory: MemoryLog, where: () => string) {
    this.#memory = memory;
    this.#where = where;
  }

  /** Of the launch that is given now. */
  next(): Origin {
    if (this.#backward) return this.#backward;
    const module = this.#where();
    const origin: Origin = { module, op: "", pass: module === "" ? "" : "forward" };
    this.#unclaimed.push(origin);
    return origin;
  }

  made(x: Tensor): void {
    this.#memory.made(x);
  }

  forward(op: string, output: Tensor, inputs: readonly Tensor[]): void {
    const module = this.#where();
    this.#modules.set(output, module);
    this.#claim(module, op, "forward");
    for (const x of inputs) if (!x.entry) this.#memory.found(x);
  }

  backward(op = "", output?: Tensor): void {
    this.#unclaimed = [];
    const module = (output && this.#modules.get(output)) ?? "";
    this.#backward = output && { module, op, pass: "backward" };
  }

  update(by: string, tensors: readonly Tensor[]): void {
    this.#claim(this.#where(), by.replaceAll("'", ""), "update");
    for (const x of tensors) this.#memory.found(x);
  }

  #claim(module: string, op: string, pass: Origin["pass"]): void {
    for (const origin of this.#unclaimed) {
      if (origin.module !== module) continue;
      origin.op = op;
      origin.pass = pass;
    }
    this.#unclaimed = [];
  }
}
