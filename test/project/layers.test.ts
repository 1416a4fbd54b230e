/** The order of the layers is what lets a reader, and a later change, take one folder at a time: so a test holds it. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../src/", import.meta.url));

/** From low to high; a file imports its own layer or lower ones. The entries (`index.ts`, `node.ts`, ...) are above all. */
const layers = ["gpu", "kernels", "tensor", "nn", "data", "train"];

const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts"));
const imports = new Map(files.map((file) => [file, importsOf(file)]));

/** What a file imports: paths inside src/ for its own files, names as written for the rest. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const statements = text.matchAll(/^(?:import|export)\s(?:[^;"]*?\sfrom\s+)?"([^"]+)"/gm);
  const calls = text.matchAll(/\bimport\(\s*"([^"]+)"/g);
  return [...statements, ...calls].map(([, name = ""]) =>
    name.startsWith(".") ? normalize(join(dirname(file), name)) : name,
  );
}

const layerOf = (file: string) => {
  const layer = layers.indexOf(file.split("/")[0] ?? "");
  return layer < 0 ? layers.length : layer;
};
const isCheck = (file: string) => /\.(reference|cases)\.ts$/.test(file) || /^testing(\.ts$|\/)/.test(file);

/** `file -> import` for every import of a file of src/ that `isWrong`. */
const violations = (isWrong: (file: string, imported: string) => boolean) =>
  [...imports].flatMap(([file, names]) =>
    names.filter((name) => isWrong(file, name)).map((name) => `${file} -> ${name}`),
  );

/** Every file that loading `entry` loads, and every package it names. */
function reachable(entry: string): Map<string, string> {
  const via = new Map([[entry, "the entry"]]);
  for (const file of via.keys()) {
    for (const name of imports.get(file) ?? []) if (!via.has(name)) via.set(name, file);
  }
  return via;
}

describe("src/", () => {
  test("imports name files that exist, with their extension", () => {
    const isInside = (name: string) => name.endsWith(".ts") || name.startsWith(".");
    expect(violations((_, name) => isInside(name) && !imports.has(name))).toEqual([]);
  });

  test("imports point down the layers", () => {
    expect(violations((file, name) => imports.has(name) && layerOf(name) > layerOf(file))).toEqual([]);
  });

  test("references and cases are imported only by each other and wgrad/testing", () => {
    expect(violations((file, name) => isCheck(name) && !isCheck(file))).toEqual([]);
  });

  test.each(["index.ts", "testing.ts"])("%s reaches no module of Node and no package", (entry) => {
    const foreign = [...reachable(entry)].filter(([name]) => !imports.has(name) && name !== "#host");
    expect(foreign).toEqual([]);
  });

  test("both hosts export the same names", () => {
    const names = (file: string) =>
      [...readFileSync(join(root, file), "utf8").matchAll(/^export (?:async )?(?:function|const) (\w+)/gm)]
        .map(([, name]) => name)
        .sort();
    expect(names("gpu/host.node.ts")).toEqual(names("gpu/host.browser.ts"));
  });

  test("files have 400 lines at most", () => {
    const long = files.filter((file) => readFileSync(join(root, file), "utf8").split("\n").length > 401);
    expect(long).toEqual([]);
  });
});
