/**
 * Which wait throws an error that WebGPU reports late: the first one after the work that caused it, and no other.
 *
 * Browsers deliver uncaptured errors in tasks of their own, often after the wait, and nothing in them tells to which of two waits they belong. So what is
 * given to the device is given in error scopes, about 10 us for the three. They're popped in the call that pushed them: an application that shares the
 * device finds neither our scopes among its own nor our errors in them.
 */

/** What went wrong, or nothing; never rejects. */
export type Outcome = Promise<string | undefined>;

const filters = ["validation", "out-of-memory", "internal"] as const;

/** The outcomes of what was given between two waits, and those that are the causes of others. */
class Work {
  readonly #outcomes = new Set<Outcome>();
  readonly #causes = new Set<Outcome>();

  add(outcome: Outcome, isCause: boolean): void {
    const list = isCause ? this.#causes : this.#outcomes;
    if (list.has(outcome)) return;
    list.add(outcome);
    outcome.then((message) => message ?? list.delete(outcome));
  }

  /** The first error, causes first. */
  async error(): Outcome {
    const messages = await Promise.all([...this.#causes, ...this.#outcomes]);
    return messages.find((message) => message !== undefined);
  }
}

export class Errors {
  readonly #device: GPUDevice;
  #work = new Work();
  #loss: string | undefined;

  /** @param owned whether errors outside of scopes, which should be none, are ours and not an application's */
  constructor(device: GPUDevice, owned: boolean) {
    this.#device = device;
    if (owned) {
      device.addEventListener("uncapturederror", (event) => {
        event.preventDefault();
        this.expect(Promise.resolve(`[gpu] ${event.error.message}`));
      });
    }
    device.lost.then(({ reason, message }) => {
      if (reason !== "destroyed") this.#loss = `[gpu] the device was lost: ${message}`;
    });
  }

  /** Makes calls to the device, whose errors belong to the next wait. */
  watch<T>(calls: () => T): T {
    for (const filter of filters) this.#device.pushErrorScope(filter);
    try {
      return calls();
    } finally {
      for (const _ of filters) this.expect(this.#popped());
    }
  }

  /** Lets an outcome belong to the next wait. @param isCause whether other errors follow from it, which may come sooner */
  expect(outcome: Outcome, isCause = false): void {
    this.#work.add(outcome, isCause);
  }

  /** Ends a wait for all work given so far; to be called before more is given. @throws Error if any of it failed, or the device was lost */
  async check<T>(wait: Promise<T>): Promise<T> {
    const work = this.#work;
    this.#work = new Work();
    const [end] = await Promise.allSettled([wait]);
    const isLate = end.status === "rejected" && this.#loss === undefined;
    const message = (await work.error()) ?? (isLate ? await this.#lossOrNothing() : this.#loss);
    if (message !== undefined) throw new Error(message);
    if (end.status === "rejected")
      throw new Error("[gpu] waiting for the device failed", { cause: end.reason });
    return end.value;
  }

  async #popped(): Outcome {
    const error = await this.#device.popErrorScope().catch(() => null); // a lost device has none
    return error ? `[gpu] ${error.message}` : undefined;
  }

  /** A lost device may say so only after its waits have failed. */
  async #lossOrNothing(): Outcome {
    await Promise.race([this.#device.lost, new Promise((resolve) => setTimeout(resolve, 100))]);
    return this.#loss;
  }
}
