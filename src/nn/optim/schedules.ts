/** Learning-rate schedules: pure functions of the epoch counted from the start of the run, so a resumed run follows the same one. */

export type Schedule = (epoch: number) => number;

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
