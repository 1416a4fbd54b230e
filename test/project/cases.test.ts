/** docs/cases.md names the tests of each case from the field by file and title: they exist under these names. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The rows' last columns, by number. */
const cases = [
  ...readFileSync(join(root, "docs/cases.md"), "utf8").matchAll(/^\| (\d+) \|.*\| (.+) \|$/gm),
].map(([, number, tests = ""]) => [number, tests] as const);

test("docs/cases.md has all twelve", () => {
  expect(cases.map(([number]) => Number(number))).toEqual(Array.from({ length: 12 }, (_, k) => k + 1));
});

test.each(cases)("the tests of case %s exist", (_, tests) => {
  const named = [...tests.matchAll(/`([^`]+)`: ([^`]+?)(?=; `|$)/g)];
  expect(named.length).toBeGreaterThan(0);
  for (const [, file = "", titles = ""] of named) {
    const text = readFileSync(join(root, file), "utf8");
    for (const title of titles.split("; ")) {
      for (const part of title.split("…").filter((part) => part !== ""))
        expect(text, `${file}: ${title}`).toContain(part);
    }
  }
});
