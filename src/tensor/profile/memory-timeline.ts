/** Bytes over the launches of a step. */
import type { MemoryRow } from "./profile.ts";

export class MemoryTimeline {
  /** Bytes of the buffers in use at each launch, and after the last one. */
  readonly used: readonly number[];
  /** Of the tensors that take turns in a recording's memory, those alive at each launch. */
  readonly shared: readonly number[];
  /** The launch at which most is used; of several, the one with most in a recording's memory. */
  readonly peakAt: number;

  constructor(rows: readonly MemoryRow[], launches: number) {
    this.used = sums(
      rows.filter(({ shared }) => !shared),
      launches,
    );
    this.shared = sums(
      rows.filter(({ shared }) => shared),
      launches,
    );
    let peak = 0;
    this.used.forEach((bytes, k) => {
      const more = bytes - (this.used[peak] ?? 0);
      if (more > 0 || (more === 0 && (this.shared[k] ?? 0) > (this.shared[peak] ?? 0))) peak = k;
    });
    this.peakAt = peak;
  }
}

/** Whether a tensor is there while a launch runs. */
export function isAlive({ from = 0, to = Number.POSITIVE_INFINITY }: MemoryRow, launch: number): boolean {
  return from <= launch && launch < to;
}

function sums(rows: readonly MemoryRow[], launches: number): number[] {
  const changes = new Array<number>(launches + 2).fill(0);
  for (const { bytes, from = 0, to = launches + 1 } of rows) {
    changes[from] = (changes[from] ?? 0) + bytes;
    changes[to] = (changes[to] ?? 0) - bytes;
  }
  let sum = 0;
  return changes.slice(0, launches + 1).map((change) => {
    sum += change;
    return sum;
  });
}
