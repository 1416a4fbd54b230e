/** docs/features.md names a test or command for every row: they exist. What they show, they show when they're run. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const scripts: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8"),
).scripts;

/** What the last column of each row names. */
const rows = readFileSync(join(root, "docs/features.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .filter((cells) => cells.at(-2) !== "shown by")
  .map((cells) => ({
    row: cells[1] ?? "",
    shownBy: [...(cells.at(-2) ?? "").matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
  }));

const exists = (name: string) =>
  name.startsWith("npm run ") ? name.slice("npm run ".length) in scripts : existsSync(join(root, name));

test("every row of docs/features.md names tests or commands that exist", () => {
  expect(rows.length).toBeGreaterThan(20);
  expect(rows.filter(({ shownBy }) => shownBy.length === 0)).toEqual([]);
  expect(rows.flatMap(({ shownBy }) => shownBy).filter((name) => !exists(name))).toEqual([]);
});
