/**
 * Learning-rate schedules: pure functions of the epochs counted from the start of the run, a fraction for the epoch under way, so
 * a resumed run follows the same one. `warmup` and `chain` make new ones of others.
 */

/** The rate after this many epochs. */
export type Schedule = (epoch: number) => number;

/** A run of `epochs` epochs whose highest rate is `lr`; other rates are given as parts of it. */
export interface ScheduleOptions {
  readonly lr: number;
  readonly epochs: number;
}

/** What `linear` takes. */
export interface LinearOptions extends ScheduleOptions {
  /** The rate at the start, as a part of `lr`; 1 by default. */
  readonly start?: number;
  /** The rate at the end, as a part of `lr`; 0 by default. */
  readonly end?: number;
}

/** What `cosine` takes. */
export interface CosineOptions extends ScheduleOptions {
  /** The rate at the end, as a part of `lr`; 0 by default. */
  readonly end?: number;
}

/** What `triangular` and `oneCycle` take; each has defaults of its own. */
export interface TriangularOptions extends ScheduleOptions {
  /** The rate at the start, as a part of `lr`. */
  readonly start?: number;
  /** Where the peak is, as a part of the run, between 0 and 1. */
  readonly peak?: number;
  /** The rate at the end, as a part of `lr`. */
  readonly end?: number;
}

/** What `stepDecay` takes. */
export interface StepDecayOptions {
  /** The rate of the first epochs. */
  readonly lr: number;
  /** What it's multiplied by, 0.5 by default. */
  readonly factor?: number;
  /** Epochs from change to change, 25 by default. */
  readonly every?: number;
}

/** How many epochs `warmup` takes, and where it starts. */
export interface WarmupOptions {
  readonly epochs: number;
  /** What the rate is multiplied by at first; 1/3 by default. */
  readonly start?: number;
}

/**
 * `lr * factor^floor(epoch / every)`. The first epoch is 0; a fraction of an epoch counts as the epoch it's in.
 * Source: `torch.optim.lr_scheduler.StepLR`.
 * @throws Error unless `every` is a positive integer
 */
export function stepDecay({ lr, factor = 0.5, every = 25 }: StepDecayOptions): Schedule {
  if (!Number.isSafeInteger(every) || every < 1)
    throw new Error(`[stepDecay] 'every' must be a positive integer, but got ${every}`);
  return (epoch) => lr * factor ** Math.floor(epoch / every);
}

/**
 * From `lr * start` in a straight line to `lr * end`, where it stays. Source: `torch.optim.lr_scheduler.LinearLR`.
 * @throws Error unless `epochs` is positive
 */
export function linear({ lr, epochs, start = 1, end = 0 }: LinearOptions): Schedule {
  requireEpochs("linear", epochs);
  return (epoch) => lr * through([0, start, 1, end], epoch / epochs);
}

/**
 * Half a cosine from `lr` to `lr * end`, where it stays: `lr * (end + (1 - end) (1 + cos(pi epoch / epochs)) / 2)`.
 * Source: Loshchilov and Hutter, "SGDR", 2017; `torch.optim.lr_scheduler.CosineAnnealingLR`.
 * @throws Error unless `epochs` is positive
 */
export function cosine({ lr, epochs, end = 0 }: CosineOptions): Schedule {
  requireEpochs("cosine", epochs);
  return (epoch) => lr * through([0, 1, 1, end], epoch / epochs, halfCosine);
}

/**
 * Rises in a straight line from `lr * start` (0.2) to `lr` at `peak` (0.23), and falls to `lr * end` (0.07), where it stays.
 * Source: Jordan, "94% on CIFAR-10 in 3.29 seconds", 2024 (the defaults are airbench's).
 * @throws Error unless `epochs` is positive and the peak between 0 and 1
 */
export function triangular(options: TriangularOptions): Schedule {
  const { lr, epochs, start = 0.2, peak = 0.23, end = 0.07 } = options;
  requireEpochs("triangular", epochs);
  requirePeak("triangular", peak);
  return (epoch) => lr * through([0, start, peak, 1, 1, end], epoch / epochs);
}

/**
 * Rises by half a cosine from `lr * start` (1/25) to `lr` at `peak` (0.3), and falls by another to `lr * end` (1/250,000), where it stays.
 * Source: Smith and Topin, "Super-convergence", 2018; `torch.optim.lr_scheduler.OneCycleLR`, which counts in steps: from the peak on its rates are these of one step
 * later, so that the last step has the last rate, and its rise, from the same start, is a step shorter.
 * @throws Error unless `epochs` is positive and the peak between 0 and 1
 */
export function oneCycle(options: TriangularOptions): Schedule {
  const { lr, epochs, start = 1 / 25, peak = 0.3, end = 1 / 250_000 } = options;
  requireEpochs("oneCycle", epochs);
  requirePeak("oneCycle", peak);
  return (epoch) => lr * through([0, start, peak, 1, 1, end], epoch / epochs, halfCosine);
}

/**
 * The schedule's rate, multiplied by what rises in a straight line from `start` to 1 over the first epochs.
 * Source: Goyal et al., 2017; `torch.optim.lr_scheduler.LinearLR` chained with another.
 * @throws Error unless `epochs` is positive
 */
export function warmup(schedule: Schedule, { epochs, start = 1 / 3 }: WarmupOptions): Schedule {
  requireEpochs("warmup", epochs);
  return (epoch) => schedule(epoch) * through([0, start, 1, 1], epoch / epochs);
}

/**
 * One schedule after the other: the next from each milestone on, an epoch since the start of the run. Each counts from its own start.
 * Source: `torch.optim.lr_scheduler.SequentialLR`.
 * @throws Error unless milestones ascend, and are one fewer than the schedules
 */
export function chain(schedules: readonly Schedule[], milestones: readonly number[]): Schedule {
  const starts = [0, ...milestones];
  if (starts.length !== schedules.length || starts.some((start, k) => start < (starts[k - 1] ?? 0))) {
    throw new Error(
      `[chain] ${schedules.length} schedules take ${schedules.length - 1} ascending milestones, but got [${milestones}]`,
    );
  }
  return (epoch) => {
    const index = Math.max(
      0,
      starts.findLastIndex((start) => start <= epoch),
    );
    return schedules[index]?.(epoch - (starts[index] ?? 0)) ?? Number.NaN;
  };
}

/** The value at `at` of what goes through the points `x0, y0, x1, y1, ...`, which begin at 0; the last y behind the last. */
function through(points: readonly number[], at: number, ease = (part: number) => part): number {
  const [x0 = 0, y0 = 0, x1, y1 = y0, ...rest] = points;
  if (x1 === undefined) return y0;
  if (at >= x1) return through([x1, y1, ...rest], at, ease);
  return y0 + (y1 - y0) * ease((at - x0) / (x1 - x0));
}

function halfCosine(part: number): number {
  return (1 - Math.cos(Math.PI * part)) / 2;
}

function requireEpochs(op: string, epochs: number): void {
  if (!(epochs > 0)) throw new Error(`[${op}] 'epochs' must be above 0, but got ${epochs}`);
}

function requirePeak(op: string, peak: number): void {
  if (!(peak > 0 && peak < 1)) throw new Error(`[${op}] 'peak' must lie between 0 and 1, but got ${peak}`);
}
