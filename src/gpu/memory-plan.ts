/**
 * Which temporary memory of a recording shares a buffer.
 *
 * Largest first (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020), each into the tightest
 * gap of the buffers so far: a range that nobody uses at the same time. Two that a command names together never lie in one
 * buffer, since a dispatch mustn't read one range of a buffer and write another. Sharing whole buffers only can't do better than 1.151
 * of the largest sum alive in VGG's step at batch 128, whatever the order: the large activations and the many small ones aren't alive together.
 */

/** When memory is in use: from the first to the last command that names it. */
export interface Lifetime {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
  /** Others that a command names together with it. */
  readonly partners: ReadonlySet<Lifetime>;
}

/** Where something lies. */
export interface Place {
  /** Index of the buffer. */
  readonly slot: number;
  readonly byteOffset: number;
}

export interface MemoryPlan {
  /** Bytes of each buffer to make. */
  readonly sizes: readonly number[];
  /** For each lifetime its place. */
  readonly places: readonly Place[];
}

interface Tenant {
  readonly lifetime: Lifetime;
  readonly from: number;
  readonly to: number;
}

interface Slot {
  readonly bytes: number;
  readonly tenants: Tenant[];
}

const alignment = 256;

/** Places for all lifetimes, none of which overlap in time and memory. */
export function planMemory(lifetimes: readonly Lifetime[]): MemoryPlan {
  const slots: Slot[] = [];
  const places = new Map<Lifetime, Place>();
  for (const lifetime of [...lifetimes].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const best = { slot: slots.length, byteOffset: 0, gap: Number.POSITIVE_INFINITY };
    slots.forEach((candidate, slot) => {
      const found = tightestGap(candidate, lifetime);
      if (found && found.gap < best.gap) Object.assign(best, { slot, ...found });
    });
    const { slot, byteOffset } = best;
    if (slot === slots.length) slots.push({ bytes: lifetime.bytes, tenants: [] });
    slots[slot]?.tenants.push({ lifetime, from: byteOffset, to: byteOffset + lifetime.bytes });
    places.set(lifetime, { slot, byteOffset });
  }
  return {
    sizes: slots.map(({ bytes }) => bytes),
    places: lifetimes.map((lifetime) => places.get(lifetime) ?? { slot: 0, byteOffset: 0 }),
  };
}

/** The smallest range of a slot that is free for all of a lifetime, if one is large enough. */
function tightestGap(
  { bytes, tenants }: Slot,
  lifetime: Lifetime,
): { readonly byteOffset: number; readonly gap: number } | undefined {
  const present = tenants.filter(
    ({ lifetime: { first, last } }) => first <= lifetime.last && lifetime.first <= last,
  );
  if (present.some((tenant) => lifetime.partners.has(tenant.lifetime))) return undefined;
  let best: { readonly byteOffset: number; readonly gap: number } | undefined;
  let byteOffset = 0;
  const ends = [...present].sort((a, b) => a.from - b.from);
  for (const { from, to } of [...ends, { from: bytes, to: bytes }]) {
    const gap = from - byteOffset;
    if (gap >= lifetime.bytes && gap < (best?.gap ?? Number.POSITIVE_INFINITY)) best = { byteOffset, gap };
    byteOffset = Math.max(byteOffset, Math.ceil(to / alignment) * alignment);
  }
  return best;
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
