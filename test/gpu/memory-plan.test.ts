/** Plans of a recording's memory: nothing overlaps in time and memory, submits stay short, and recordings share. */
import { describe, expect, it, vi } from "vitest";
import { add, type Tensor } from "wgrad";
import { type Lifetime, peakBytes, planMemory, total } from "../../src/gpu/memory-plan.ts";
import { joinSections } from "../../src/gpu/recording.ts";
import { SharedMemory } from "../../src/gpu/shared-memory.ts";
import { gpu } from "../support/gpu.ts";

interface Use extends Lifetime {
  readonly partners: Set<Lifetime>;
}

/** Lifetimes that follow from a fixed sequence, some of them named together. */
function someLifetimes(count: number): Use[] {
  const uses = Array.from({ length: count }, (_, k): Use => {
    const first = (k * 37) % 97;
    return {
      bytes: 16 * (1 + ((k * k * 31) % 211)),
      first,
      last: first + ((k * 53) % 29),
      partners: new Set(),
    };
  });
  for (const [k, use] of uses.entries()) {
    const other = uses.find(({ first }, j) => j > k && first === use.first);
    if (!other) continue;
    use.partners.add(other);
    other.partners.add(use);
  }
  return uses;
}

describe("planMemory", () => {
  const uses = someLifetimes(200);
  const { places, sizes } = planMemory(uses);
  const pairs = uses.flatMap((a, i) =>
    uses.slice(i + 1).map((b, j) => [a, b, places[i], places[i + 1 + j]] as const),
  );

  it("lets none overlap in time and memory, and keeps partners in different buffers", () => {
    for (const [a, b, p, q] of pairs) {
      if (p?.slot !== q?.slot || a.last < b.first || b.last < a.first) continue;
      const [from, other] = [p?.byteOffset ?? 0, q?.byteOffset ?? 0];
      expect(from + a.bytes <= other || other + b.bytes <= from).toBe(true);
      expect(a.partners.has(b)).toBe(false);
    }
  });

  it("stays in the buffers, at offsets that can be bound, and reuses them", () => {
    uses.forEach(({ bytes }, k) => {
      const { slot = 0, byteOffset = 0 } = places[k] ?? {};
      expect(byteOffset % 256).toBe(0);
      expect(byteOffset + bytes).toBeLessThanOrEqual(sizes[slot] ?? 0);
    });
    expect(total(sizes)).toBeGreaterThanOrEqual(peakBytes(uses));
    expect(total(sizes)).toBeLessThan(total(uses.map(({ bytes }) => bytes)) / 2);
  });
});

describe("joinSections", () => {
  it("joins short neighbours and splits long ones, and loses no command", () => {
    const sections = [
      { from: 0, to: 10, milliseconds: 40 },
      { from: 10, to: 20, milliseconds: 50 },
      { from: 20, to: 30, milliseconds: 250 },
      { from: 30, to: 31, milliseconds: 900 },
    ];
    expect(joinSections(sections, 100).map(({ from, to }) => [from, to])).toEqual([
      [0, 20],
      [20, 23],
      [23, 26],
      [26, 30],
      [30, 31],
    ]);
  });

  it("is told how long a replay takes, without the work before it", async () => {
    await gpu.idle();
    const step = gpu.record((x: Tensor) => add(add(add(x, 1), 2), 3));
    const before = new Promise<undefined>((resolve) => setTimeout(resolve, 600));
    const done = vi.spyOn(gpu.device.raw.queue, "onSubmittedWorkDone").mockReturnValue(before);
    const x = gpu.zeros([16]);
    step(x);
    step(x);
    expect(done).toHaveBeenCalled();
    done.mockRestore();
    await before;
    await gpu.idle();
    expect(step.recordings()[0]?.submits).toBe(1);
    step.release();
  });
});

describe("memory that recordings share", () => {
  const make = () => {
    const destroyed: number[] = [];
    let id = 0;
    const shared = new SharedMemory(
      (size) => ({ id: id++, size, raw: gpu.device.raw.createBuffer({ size, usage: 0x80 }) }),
      (buffer) => {
        buffer.raw.destroy();
        destroyed.push(buffer.size);
      },
    );
    const sizesOf = (buffers: readonly { size: number }[]) => buffers.map(({ size }) => size);
    return { shared, destroyed, sizesOf };
  };

  it("is lent to several, each buffer once to each, and given back with the last", () => {
    const { shared, destroyed, sizesOf } = make();
    const first = shared.borrow([64, 1024, 256]);
    expect(sizesOf(first)).toEqual([64, 1024, 256]);
    const second = shared.borrow([300, 200, 300]);
    expect(sizesOf(second)).toEqual([1024, 256, 300]);
    expect(new Set([...first, ...second]).size).toBe(4);
    shared.giveBack(first);
    expect(destroyed).toEqual([64]);
    shared.giveBack(second);
    expect(destroyed).toEqual([64, 1024, 256, 300]);
    expect(shared.borrow([64])).not.toContain(first[0]);
  });

  it("isn't kept alive by something much smaller", () => {
    const { shared, sizesOf } = make();
    shared.borrow([4096]);
    expect(sizesOf(shared.borrow([1023, 1024]))).toEqual([1023, 4096]);
  });
});
