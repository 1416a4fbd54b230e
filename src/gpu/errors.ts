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

export class Errors {
  readonly #device: GPUDevice;
  /** Of the work since the last wait. */
  #outcomes = new Set<Outcome>();
  /** Those of them that others follow from. */
  #causes = new Set<Outcome>();
  #loss: string | undefined;
  /** What a wait that fails says where nothing else does: unlike a loss, being destroyed harms none that ends well. */
  #failure = "[gpu] waiting for the device failed";

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
      else
        this.#failure =
          "[gpu] the device was destroyed while a result was waited for; await all of them first";
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
    const list = isCause ? this.#causes : this.#outcomes;
    list.add(outcome);
    outcome.then((message) => message ?? list.delete(outcome));
  }

  /** Ends a wait for all work given so far; to be called before more is given. @throws Error if any of it failed, or the device was lost */
  async check<T>(wait: Promise<T>): Promise<T> {
    const outcomes = [...this.#causes, ...this.#outcomes];
    this.#causes = new Set();
    this.#outcomes = new Set();
    const [end] = await Promise.allSettled([wait]);
    const isRejected = end.status === "rejected";
    let message = (await Promise.all(outcomes)).find((message) => message);
    // A lost device may say so only after its waits have failed.
    if (isRejected && !message)
      await Promise.race([this.#device.lost, new Promise((resolve) => setTimeout(resolve, 100))]);
    message ??= this.#loss;
    if (isRejected) throw new Error(message ?? this.#failure, { cause: end.reason });
    if (message) throw new Error(message);
    return end.value;
  }

  async #popped(): Outcome {
    const error = await this.#device.popErrorScope().catch(() => null); // a lost device has none
    return error ? `[gpu] ${error.message}` : undefined;
  }
}
