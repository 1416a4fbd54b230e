/**
 * The guide says only what is so: each page's code is one program, and its outputs are all that the program prints. The programs are
 * type-checked as a user's would be, too.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleForNode } from "../support/command.ts";
import { output } from "../support/output.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const guide = join(root, "docs/guide");
const pages = readdirSync(guide).filter((file) => file.endsWith(".md") && file !== "README.md");

/** Inside the checkout, so that packages are found. */
const cache = `node_modules/.cache/wgrad/guide-${process.pid}`;
const folder = join(root, cache);
const elsewhere = mkdtempSync(join(tmpdir(), "wgrad-guide-"));

/** What stands in a page's blocks of a language, in order. */
function blocks(page: string, language: string): string[] {
  const text = readFileSync(join(guide, page), "utf8").replaceAll("\r\n", "\n");
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, found, content = ""]) =>
    found === language ? [content] : [],
  );
}

const programOf = (page: string) => join(folder, page.replace(/\.md$/, ".ts"));

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  for (const page of pages) writeFileSync(programOf(page), blocks(page, "ts").join("\n"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(elsewhere, { recursive: true, force: true });
});

describe("the guide", () => {
  test("has the pages that its contents list, each once, each linked to the next", () => {
    const contents = readFileSync(join(guide, "README.md"), "utf8");
    const listed = [...contents.matchAll(/^\d\. \[[^\]]*\]\(([\w-]+\.md)\)/gm)].map(([, page]) => page ?? "");
    expect([...listed].sort()).toEqual([...pages].sort());
    listed.slice(0, -1).forEach((page, k) => {
      expect(readFileSync(join(guide, page), "utf8"), page).toMatch(
        new RegExp(`Next: \\[[^\\]]*\\]\\(${listed[k + 1]}\\)`),
      );
    });
  });

  test("links to files that exist", () => {
    for (const page of readdirSync(guide)) {
      const links = readFileSync(join(guide, page), "utf8").matchAll(/\]\((?!http)([^)#]+)[^)]*\)/g);
      for (const [, link = ""] of links)
        expect(() => readFileSync(join(guide, link)), `${page}: ${link}`).not.toThrow();
    }
  });

  test("has programs that check under strict settings", () => {
    const config = {
      extends: join(root, "tsconfig.json"),
      compilerOptions: {
        noUnusedLocals: false,
        paths: {
          wgrad: [join(root, "src/index.ts")],
          "wgrad/node": [join(root, "src/node.ts")],
          "wgrad/testing": [join(root, "src/testing.ts")],
        },
      },
      include: [],
      files: pages.map(programOf),
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const args = [tsc, "--pretty", "false", "-p", folder];
    expect(output(() => execFileSync(process.execPath, args, { cwd: root, encoding: "utf8" }))).toBe("");
  });

  test.each(pages)("%s prints what it says", async (page) => {
    const bundle = programOf(page).replace(/\.ts$/, ".mjs");
    await bundleForNode(root, join(cache, basename(programOf(page))), bundle);
    const printed = execFileSync(process.execPath, [bundle], {
      cwd: elsewhere,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"], // Dawn has warnings of its own
      timeout: 110_000,
    });
    expect(printed).toBe(blocks(page, "text").join(""));
  });
});
