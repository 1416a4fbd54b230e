import { expect, it } from "vitest";
import { compareRuns, readRun } from "../../bench/comparison.ts";

const timings = (gflops: number, rows: readonly (readonly [name: string, ms: number, spread?: number])[]) =>
  readRun({
    peaks: { gflops, gigabytesPerSecond: 10 },
    rows: rows.map(([name, ms, spread = 0.02]) => ({
      name,
      ms,
      spread,
      gflops: 50,
      gigabytesPerSecond: 0.1,
    })),
  });
const verdicts = (changes: ReturnType<typeof compareRuns>) => changes.map(({ verdict }) => verdict);

it("takes off what the machine's own peak explains", () => {
  const before = timings(100, [
    ["same", 10],
    ["slower", 10],
    ["faster", 10],
  ]);
  const after = timings(50, [
    ["same", 20],
    ["slower", 30],
    ["faster", 10],
  ]);
  expect(verdicts(compareRuns(before, after))).toEqual(["noise", "slower", "faster"]);
});

it("takes three spreads, and 25 % at least, for noise", () => {
  const before = timings(100, [
    ["steady", 10],
    ["noisy", 10, 0.2],
    ["steady enough", 10],
  ]);
  const after = timings(100, [
    ["steady", 12.4],
    ["noisy", 17, 0.2],
    ["steady enough", 12.6],
  ]);
  expect(verdicts(compareRuns(before, after))).toEqual(["noise", "noise", "slower"]);
});

it("judges the peers' rows by their ratio", () => {
  const row = { work: "gemm-512", peer: "pytorch", mode: "as-shipped", oursMs: 1, peerMs: 2 };
  const at = (ratio: number) => readRun([{ ...row, ratio, oursSpread: 0.02, peerSpread: 0.02 }]);
  expect(verdicts(compareRuns(at(2), at(1.9)))).toEqual(["noise"]);
  expect(verdicts(compareRuns(at(2), at(1.5)))).toEqual(["slower"]);
});

it("refuses what it can't compare", () => {
  const some = timings(100, [["a", 1]]);
  expect(() => compareRuns(some, readRun([]))).toThrow("the files are of different benchmarks");
  expect(() => compareRuns(some, timings(100, [["b", 1]]))).toThrow("the files have no row in common");
  expect(() => readRun({ rows: [] })).toThrow("'gflops' is missing in it");
});
