/**
 * Learning-rate schedules: pure functions of the epochs counted from the start of the run, a fraction for the epoch under way, so
 * a resumed run follows the same one.
 */

export type Schedule = (epoch: number) => number;

export interface TriangularOptions {
  /** The rate at the peak. */
  readonly lr: number;
  /** Epochs of the whole run. */
  readonly epochs: number;
  /** The rate at the start, as a part of `lr`; 0.2 by default. */
  readonly start?: number;
  /** Where the peak is, as a part of the run, between 0 and 1; 0.23 by default. */
  readonly peak?: number;
  /** The rate at the end, as a part of `lr`; 0.07 by default. */
  readonly end?: number;
}

export interface StepDecayOptions {
  /** The rate of the first epochs. */
  readonly lr: number;
  /** What it's multiplied by, 0.5 by default. */
  readonly factor?: number;
  /** Epochs from change to change, 25 by default. */
  readonly every?: number;
}

/**
 * `lr * factor^floor(epoch / every)`. The first epoch is 0; a fraction of an epoch counts as the epoch it's in.
 * @throws Error unless `every` is a positive integer
 */
export function stepDecay({ lr, factor = 0.5, every = 25 }: StepDecayOptions): Schedule {
  if (!Number.isSafeInteger(every) || every < 1)
    throw new Error(`[stepDecay] 'every' must be a positive integer, but got ${every}`);
  return (epoch) => lr * factor ** Math.floor(epoch / every);
}

/**
 * Rises linearly from `lr * start` to `lr` at `peak`, and falls linearly to `lr * end`, where it stays.
 * Source: Jordan, "94% on CIFAR-10 in 3.29 seconds", 2024 (the defaults are airbench's).
 * @throws Error unless `epochs` is positive and the peak between 0 and 1
 */
export function triangular(options: TriangularOptions): Schedule {
  const { lr, epochs, start = 0.2, peak = 0.23, end = 0.07 } = options;
  if (!(epochs > 0)) throw new Error(`[triangular] 'epochs' must be above 0, but got ${epochs}`);
  if (!(peak > 0 && peak < 1))
    throw new Error(`[triangular] 'peak' must lie between 0 and 1, but got ${peak}`);
  return (epoch) => {
    const part = Math.min(epoch / epochs, 1);
    const scale =
      part < peak ? start + (1 - start) * (part / peak) : 1 + (end - 1) * ((part - peak) / (1 - peak));
    return lr * scale;
  };
}
