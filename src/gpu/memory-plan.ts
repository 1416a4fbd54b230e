/**
 * Which temporary buffers of a recording share memory: those whose lifetimes don't overlap.
 *
 * Whole buffers are shared and not ranges of one: a dispatch may not read one range of a buffer and write another. Two greedy
 * orders are tried and the smaller plan is taken: largest first (Pisarchyk and Lee, "Efficient memory management for deep
 * neural net inference", 2020), and first used first, where a buffer that is too small may grow.
 */

/** When a buffer is in use: from the first to the last command that names it. */
export interface Lifetime {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

export interface MemoryPlan {
  /** Bytes of each buffer to make. */
  readonly sizes: readonly number[];
  /** For each lifetime the index of its buffer. */
  readonly places: readonly number[];
}

interface Slot {
  bytes: number;
  readonly tenants: Lifetime[];
}

/** Buffers for all lifetimes, no two at the same time in one. */
export function planMemory(lifetimes: readonly Lifetime[]): MemoryPlan {
  const plans = [
    assign(lifetimes, (a, b) => b.bytes - a.bytes || a.first - b.first),
    assign(lifetimes, (a, b) => a.first - b.first || b.bytes - a.bytes),
  ];
  return plans.reduce((best, plan) => (total(plan.sizes) < total(best.sizes) ? plan : best));
}

/** The largest sum of bytes in use at one moment: no plan can do with less. */
export function peakBytes(lifetimes: readonly Lifetime[]): number {
  const changes = new Map<number, number>();
  const change = (at: number, bytes: number) => changes.set(at, (changes.get(at) ?? 0) + bytes);
  for (const { bytes, first, last } of lifetimes) {
    change(first, bytes);
    change(last + 1, -bytes);
  }
  let now = 0;
  let most = 0;
  for (const [, bytes] of [...changes].sort(([a], [b]) => a - b)) {
    now += bytes;
    most = Math.max(most, now);
  }
  return most;
}

export function total(sizes: readonly number[]): number {
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

function assign(lifetimes: readonly Lifetime[], order: (a: Lifetime, b: Lifetime) => number): MemoryPlan {
  const slots: Slot[] = [];
  const slotOf = new Map<Lifetime, number>();
  for (const lifetime of [...lifetimes].sort(order)) {
    let best: number | undefined;
    let bestCost = Number.POSITIVE_INFINITY;
    slots.forEach(({ bytes, tenants }, index) => {
      if (tenants.some((tenant) => tenant.first <= lifetime.last && lifetime.first <= tenant.last)) return;
      // What the slot would have to grow by counts before what would lie idle in it.
      const missing = Math.max(0, lifetime.bytes - bytes);
      const cost = missing > 0 ? missing : (bytes - lifetime.bytes) / 2 ** 40;
      if (missing < lifetime.bytes && cost < bestCost) {
        best = index;
        bestCost = cost;
      }
    });
    if (best === undefined) best = slots.push({ bytes: 0, tenants: [] }) - 1;
    const slot = slots[best];
    if (slot) {
      slot.bytes = Math.max(slot.bytes, lifetime.bytes);
      slot.tenants.push(lifetime);
    }
    slotOf.set(lifetime, best);
  }
  return {
    sizes: slots.map(({ bytes }) => bytes),
    places: lifetimes.map((lifetime) => slotOf.get(lifetime) ?? 0),
  };
}
