/**
 * Training batches: every image once an epoch, in an order drawn anew for each, batches of one size that wrap across the
 * epoch's boundary (the semantics of Chainer's SerialIterator).
 *
 * The order of an epoch and what augmentation draws follow from seed and epoch alone, so seed, epoch and position are all that a resume needs. The
 * orders of two epochs lie on the GPU one after the other, the even epoch first; the host replaces one while the other is
 * in use.
 */
import { philox } from "../kernels/philox.ts";
import { type Augmentation, EpochDraws } from "./augment.ts";
import { BatchSource } from "./batches.ts";
import type { Batch, GpuImages } from "./gpu-images.ts";

/** Where a run through the data is: what a snapshot keeps of it. */
export interface DataPosition {
  readonly seed: number;
  /** Epochs completed. */
  readonly epoch: number;
  /** Images of this epoch that were taken. */
  readonly position: number;
}

/** What `shuffled` of a set takes. */
export interface ShuffledOptions {
  /** Images a batch, at most as many as the set has. */
  readonly batch: number;
  /** Decides the order of every epoch, and its augmentation; 0 by default. */
  readonly seed?: number;
  /** What is done to the images, from `data.augment`; nothing by default. */
  readonly augment?: Augmentation | undefined;
  /** Goes on where an earlier run was; `seed` is taken from it. */
  readonly start?: DataPosition;
}

/** Batches without end, from `shuffled` of a set. */
export class ShuffledBatches {
  readonly batch: number;
  readonly seed: number;
  #epoch: number;
  #position: number;
  readonly #count: number;
  readonly #source: BatchSource;
  readonly #draws: EpochDraws | undefined;

  /** @internal Users call `shuffled` of a set. */
  constructor(set: GpuImages, options: ShuffledOptions) {
    const { batch, start, augment } = options;
    const { seed = options.seed ?? 0, epoch = 0, position = 0 } = start ?? {};
    checkOptions(set, batch, { seed, epoch, position });
    this.batch = batch;
    this.seed = seed;
    this.#epoch = epoch;
    this.#position = position;
    this.#count = set.count;
    const orders = new Uint32Array(2 * set.count);
    for (const e of [epoch, epoch + 1]) orders.set(shuffledOrder(set.count, seed, e), (e % 2) * set.count);
    this.#draws = augment && new EpochDraws(set, augment, seed, epoch);
    this.#source = new BatchSource(set, orders, (epoch % 2) * set.count + position, this.#draws);
  }

  /** Epochs completed so far. A batch that wraps completes one. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Where the next batch begins. */
  get state(): DataPosition {
    return { seed: this.seed, epoch: this.#epoch, position: this.#position };
  }

  /** The next batch. */
  next(): Batch {
    const batch = this.gather();
    this.advance();
    return batch;
  }

  /** The GPU's half of `next`: the commands that a recorded step replays. `advance` must follow each of them. */
  gather(): Batch {
    return this.#source.gather(this.batch);
  }

  /** The host's half of `next`: counts, and draws the order of the epoch after the one that begins. */
  advance(): void {
    this.#position += this.batch;
    if (this.#position < this.#count) return;
    this.#position -= this.#count;
    this.#epoch += 1;
    const coming = this.#epoch + 1;
    this.#source.replace((coming % 2) * this.#count, shuffledOrder(this.#count, this.seed, coming));
    this.#draws?.replace(coming);
  }
}

/** The order of one epoch: Fisher-Yates over Philox keyed by the seed, its counter (draw, epoch). */
export function shuffledOrder(count: number, seed: number, epoch: number): Uint32Array<ArrayBuffer> {
  const order = Uint32Array.from({ length: count }, (_, k) => k);
  const key: readonly [number, number] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
  for (let k = count - 1; k > 0; k--) {
    const [high, low] = philox([k, 0, epoch >>> 0, orderStream], key);
    // 53 bits: the bias of a scaled draw is then below 1e-10 for any set that fits a GPU.
    const unit = ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
    const other = Math.floor(unit * (k + 1));
    const kept = order[k] ?? 0;
    order[k] = order[other] ?? 0;
    order[other] = kept;
  }
  return order;
}

/** Keeps these draws apart from others that use the same seed. */
const orderStream = 0x6f726472;

function checkOptions(set: GpuImages, batch: number, { seed, epoch, position }: DataPosition): void {
  if (!Number.isSafeInteger(batch) || batch < 1 || batch > set.count) {
    throw new Error(
      `[data] 'batch' must be from 1 to the ${set.count} images of '${set.name}', but got ${batch}; ` +
        "use a smaller batch or more images",
    );
  }
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new Error(`[data] 'seed' must be an integer from 0 to 2^53 - 1, but got ${seed}`);
  if (!Number.isSafeInteger(epoch) || epoch < 0 || !(position >= 0 && position < set.count)) {
    throw new Error(
      `[data] epoch ${epoch}, image ${position} isn't a place in '${set.name}' of ${set.count} images; ` +
        "resume with the data and limits of the first run",
    );
  }
}
