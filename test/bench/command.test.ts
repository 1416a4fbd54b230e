/** What the benchmarks refuse before they measure for half an hour. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { listOf, outputFile, positive } from "../../bench/command.ts";

const folder = mkdtempSync(join(tmpdir(), "wgrad-bench-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("counts files from the user's folder, and refuses one that couldn't be written at the end", () => {
  vi.stubEnv("INIT_CWD", folder);
  expect(outputFile("rows.json")).toBe(join(folder, "rows.json"));
  expect(() => outputFile("no/rows.json")).toThrowErrorMatchingInlineSnapshot(
    `[InvalidArgumentError: Its folder doesn't exist.]`,
  );
  expect(() => outputFile("")).toThrowErrorMatchingInlineSnapshot(
    `[InvalidArgumentError: It must name a file or a folder.]`,
  );
  vi.unstubAllEnvs();
});

it("takes known names only", () => {
  const parse = listOf(["pytorch", "tfjs", "jax-js"]);
  expect(parse("tfjs, jax-js")).toEqual(["tfjs", "jax-js"]);
  for (const text of ["pytorch,tfj", "pytorch,", ""])
    expect(() => parse(text), text).toThrow("isn't one of: pytorch, tfjs, jax-js.");
});

it("takes positive numbers only", () => {
  expect(positive("0.5")).toBe(0.5);
  for (const text of ["0", "-1", "many", "Infinity", ""])
    expect(() => positive(text), text).toThrow("positive number");
});
