/** How far the host runs ahead of a GPU that takes its time. */
import { expect, it } from "vitest";
import type { Gpu } from "wgrad";
import { Pace } from "../../src/train/pace.ts";

/** Runs steps whose commands are given at once and take the GPU `milliseconds` each; the most that weren't known to be done. */
async function mostAhead(
  milliseconds: number,
  steps: number,
  breakAfter = steps,
): Promise<{ ahead: number; fences: number }> {
  let given = 0;
  let asked = 0;
  let done = 0;
  let fences = 0;
  let free = performance.now();
  const idle = () => {
    fences += 1;
    free = Math.max(free, performance.now()) + (given - asked) * milliseconds;
    asked = given;
    const steps = given;
    return new Promise<void>((resolve) => {
      const pass = () => {
        done = steps;
        resolve();
      };
      setTimeout(pass, free - performance.now());
    });
  };
  const pace = new Pace({ idle } as Partial<Gpu> as Gpu);
  let ahead = 0;
  for (; given < steps; ) {
    given += 1;
    ahead = Math.max(ahead, given - done);
    await pace.step();
    if (given === breakAfter) await idle();
  }
  return { ahead, fences };
}

it("is three steps where they're slow", async () => {
  expect((await mostAhead(40, 20)).ahead).toBeLessThanOrEqual(3);
});

it("is three steps after a break too, in which all was done", async () => {
  expect((await mostAhead(40, 20, 7)).ahead).toBeLessThanOrEqual(3);
});

it("is more where they're quick, and a fence serves several", async () => {
  const { ahead, fences } = await mostAhead(2, 200);
  expect(ahead).toBeLessThanOrEqual(3 * 16);
  expect(fences).toBeLessThan(100);
});

it("throws what went wrong some steps ago", async () => {
  const pace = new Pace({ idle: () => Promise.reject(new Error("lost")) } as Partial<Gpu> as Gpu);
  await pace.step();
  await pace.step();
  await expect(pace.step()).rejects.toThrow("lost");
});
